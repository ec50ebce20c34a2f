#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "latencies.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <ostream>
#include <stdexcept>
#include <string>

namespace order_gateway {

struct variant {
    const char* name;
    latencies round_trips;
    std::size_t sent = 0; ///< orders: those that got no answer in time have no round trip
};
using variants = std::array<variant, 2>;

/// One line for each variant.
inline void print_table(variants& of) {
    std::printf("round trip, us      p50      p99    p99.9      max   orders  no answer\n");
    for (auto& [name, l, sent] : of) {
        std::printf("%-14s %8.2f %8.2f %8.2f %8.2f %8zu %10zu\n", name, l.percentile(0.5), l.percentile(0.99),
                    l.percentile(0.999), l.percentile(1), sent, sent - l.size());
    }
}

/// One line for each third of an octave; a bar's length is the logarithm of how many there are, so that the tail shows.
inline void print_picture(const variants& of) {
    const std::array<histogram, 2> h{{{of[0].round_trips, 3}, {of[1].round_trips, 3}}};
    const double most = std::log2(1 + static_cast<double>(std::max(h[0].most(), h[1].most())));
    std::printf("     from, us  %-40s%s\n", of[0].name, of[1].name);
    for (std::size_t bin = std::min(h[0].first(), h[1].first()); bin < std::max(h[0].last(), h[1].last()); ++bin) {
        const auto cell = [&](const histogram& counts) {
            const std::uint64_t n = counts.at(bin);
            const double length = std::ceil(28 * std::log2(1 + static_cast<double>(n)) / most);
            std::string text(static_cast<std::size_t>(length), '#');
            return n == 0 ? text : text + ' ' + std::to_string(n);
        };
        std::printf("%13.1f  %-40s%s\n", h[0].begin_of(bin), cell(h[0]).c_str(), cell(h[1]).c_str());
    }
}

/// Draws both in one picture, with both axes logarithmic. Throws `std::runtime_error` if there is nothing to draw, or
/// the file can't be written.
class svg_picture {
  public:
    explicit svg_picture(const variants& of)
      : variants_(of)
      , counts_{{{of[0].round_trips, 8}, {of[1].round_trips, 8}}}
      , first_(std::min(counts_[0].first(), counts_[1].first()))
      , last_(std::max(counts_[0].last(), counts_[1].last()))
      , most_(std::max(share(0, counts_[0].most()), share(1, counts_[1].most()))) {}

    void write(const std::string& file) const {
        if (first_ == last_) throw std::runtime_error("--svg: no order was answered in time");
        std::ofstream out(file);
        out << R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 380" font-family="sans-serif" font-size="12">)"
            << "\n<rect width=\"760\" height=\"380\" fill=\"white\"/>\n";
        grid(out);
        for (std::size_t v = 0; v != variants_.size(); ++v)
            outline(out, v);
        out << "</svg>\n";
        if (!out.flush()) throw std::runtime_error("--svg: can't write " + file);
    }

  private:
    static constexpr double left = 80, right = 740, top = 30, bottom = 330;
    static constexpr std::array<const char*, 2> colours{"#d95f02", "#1b6ca8"};

    double share(std::size_t v, std::uint64_t n) const {
        return static_cast<double>(n) / static_cast<double>(std::max(variants_[v].round_trips.size(), std::size_t{1}));
    }
    double least() const { return share(0, 1) / 2; }
    double x(double us) const {
        const double from = std::log2(counts_[0].begin_of(first_)), to = std::log2(counts_[0].begin_of(last_));
        return left + (right - left) * (std::log2(us) - from) / (to - from);
    }
    double y(double part) const {
        return bottom - (bottom - top) * std::log2(std::max(part, least()) / least()) / std::log2(most_ / least());
    }

    void grid(std::ostream& out) const {
        out << "<g stroke=\"#ddd\" fill=\"#444\" text-anchor=\"middle\">\n";
        const auto line = [&](double x1, double y1, double x2, double y2) {
            out << "<path d=\"M" << x1 << ' ' << y1 << 'L' << x2 << ' ' << y2 << "\"/>";
        };
        const auto label = [&](double at_x, double at_y, const auto&... text) {
            out << "<text stroke=\"none\" x=\"" << at_x << "\" y=\"" << at_y << "\">";
            (out << ... << text) << "</text>\n";
        };
        for (double decade = 0.1; decade < 1e7; decade *= 10) {
            for (const double us : {decade, 2 * decade, 5 * decade}) {
                if (x(us) < left || x(us) > right) continue;
                line(x(us), top, x(us), bottom);
                label(x(us), bottom + 18, us);
            }
        }
        label((left + right) / 2, bottom + 40, "round trip, us");
        label(left + 4, top - 12, "share of the orders");
        out << "</g>\n<g stroke=\"#ddd\" fill=\"#444\" text-anchor=\"end\">\n";
        for (double part = 1; part > least(); part /= 10) {
            if (part > most_) continue;
            line(left, y(part), right, y(part));
            label(left - 6, y(part) + 4, 100 * part, " %");
        }
        out << "</g>\n";
    }
    void outline(std::ostream& out, std::size_t v) const {
        out << "<path fill=\"none\" stroke-width=\"1.5\" stroke=\"" << colours[v] << "\" d=\"M" << left << ' '
            << bottom;
        for (std::size_t bin = first_; bin != last_; ++bin) {
            const double height = y(share(v, counts_[v].at(bin)));
            out << 'L' << x(counts_[v].begin_of(bin)) << ' ' << height << 'H' << x(counts_[v].begin_of(bin + 1));
        }
        out << 'V' << bottom << "\"/>\n<text x=\"" << right - 130 << "\" y=\"" << top + 24 + 18 * static_cast<double>(v)
            << "\" fill=\"" << colours[v] << "\">" << variants_[v].name << "</text>\n";
    }

    const variants& variants_;
    std::array<histogram, 2> counts_;
    std::size_t first_, last_;
    double most_;
};

} // namespace order_gateway

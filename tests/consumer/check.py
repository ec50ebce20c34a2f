# SPDX-License-Identifier: BSL-1.0
"""Builds app.cpp against an installed keel, by pkg-config and by CMake, and with keel as a Meson subproject:
check.py COMPILER SOURCE_DIR
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

cmake_project = """cmake_minimum_required(VERSION 3.20)
project(app CXX)
find_package(keel @version@ REQUIRED)
add_executable(app app.cpp)
target_link_libraries(app PRIVATE keel::keel)
"""

# The subproject's own arguments are not the consumer's: it sets its standard itself.
meson_project = """project('app', 'cpp')
add_project_arguments('-std=c++23', language: 'cpp')
executable('app', 'app.cpp', dependencies: dependency('keel'))
"""


class wrong(Exception):
    pass


def run(*command, **environment):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env={**os.environ, **environment})
    if done.returncode != 0:
        raise wrong(f"{shlex.join(str(word) for word in command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def expect_42(app):
    printed = run(app)
    if printed != "42\n":
        raise wrong(f"printed {printed!r} and not 42")


class consumer:
    def __init__(self, command, source, folder):
        self.command, self.compiler = command, shlex.split(command)
        self.source, self.folder = pathlib.Path(source), pathlib.Path(folder)
        self.app = self.source / "tests" / "consumer" / "app.cpp"
        # Installed for one prefix and staged elsewhere, as a packager does it; then moved to where it belongs.
        self.prefix = self.folder / "prefix"

    def project(self, name, build_file, text):
        folder = self.folder / name
        folder.mkdir()
        (folder / build_file).write_text(text)
        shutil.copy(self.app, folder)
        return folder

    def install(self):
        build, stage = self.folder / "install-build", self.folder / "stage"
        run("meson", "setup", build, self.source, f"--prefix={self.prefix}", CXX=self.command)
        run("meson", "install", "-C", build, "--destdir", stage)
        shutil.move(stage / self.prefix.relative_to("/"), self.prefix)
        left = [path for path in stage.rglob("*") if path.is_file()]
        if left:
            raise wrong(f"installed outside the prefix: {left}")

    def installed_files(self):
        include = self.source / "include"
        wanted = {"include" / path.relative_to(include) for path in include.rglob("*.hpp")}
        wanted |= {pathlib.Path("share", *path) for path in (("pkgconfig", "keel.pc"), ("cmake", "keel", "keel-config.cmake"),
                                                             ("cmake", "keel", "keel-config-version.cmake"))}
        found = {path.relative_to(self.prefix) for path in self.prefix.rglob("*") if not path.is_dir()}
        if found != wanted:
            raise wrong(f"too many: {sorted(map(str, found - wanted))}; too few: {sorted(map(str, wanted - found))}")

    def pkg_config(self):
        where = {"PKG_CONFIG_PATH": str(self.prefix / "share" / "pkgconfig")}
        flags = shlex.split(run("pkg-config", "--cflags", "--libs", "keel", **where))
        app = self.folder / "pkg-config-app"
        run(*self.compiler, "-std=c++23", self.app, *flags, "-o", app)
        expect_42(app)

    def version(self):
        where = {"PKG_CONFIG_PATH": str(self.prefix / "share" / "pkgconfig")}
        return run("pkg-config", "--modversion", "keel", **where).strip()

    def cmake_versions(self):
        """Which versions CMake finds: this one, and what it is compatible with."""
        version = self.version()
        major, minor, patch = map(int, version.split("."))
        series = f"0.{minor}" if major == 0 else f"{major}"
        found = {"": True, version: True, f"{version} EXACT": True, series: True, f"0.0.1...{version}": True,
                 "999": False, f"{major + 1}": False, f"{major}.{minor + 1}": False, f"{major}.{minor}.{patch + 1}": False,
                 f"{major}.{minor}.{patch + 1} EXACT": False, f"{major}.{minor}.{patch + 1}...999": False,
                 f"0.0.1...<{version}": False}
        if major == 0 and minor > 0:
            found[f"0.{minor - 1}"] = False
        text = "cmake_minimum_required(VERSION 3.20)\nproject(versions CXX)\n" + "".join(
            f'find_package(keel {wanted} QUIET CONFIG)\nmessage("{wanted}: ${{keel_FOUND}}")\nunset(keel_DIR CACHE)\n'
            for wanted in found)
        folder = self.project("cmake-versions", "CMakeLists.txt", text)
        done = subprocess.run(["cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
                               "-DCMAKE_CXX_COMPILER=" + ";".join(self.compiler)], capture_output=True, text=True)
        said = dict(line.split(": ") for line in done.stderr.splitlines() if re.match(r"[^:]*: (0|1|TRUE|FALSE)$", line))
        wrong_ones = [f"find_package(keel {wanted}): {said.get(wanted)}" for wanted, is_found in found.items()
                      if (said.get(wanted) in ("1", "TRUE")) != is_found or wanted not in said]
        if wrong_ones:
            raise wrong("\n".join([*wrong_ones, done.stdout, done.stderr]))

    def cmake(self):
        folder = self.project("cmake", "CMakeLists.txt", cmake_project.replace("@version@", self.version()))
        build = folder / "build"
        run("cmake", "-S", folder, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            "-DCMAKE_CXX_COMPILER=" + ";".join(self.compiler))
        run("cmake", "--build", build)
        expect_42(build / "app")

    def meson_subproject(self):
        folder = self.project("subproject", "meson.build", meson_project)
        (folder / "subprojects").mkdir()
        (folder / "subprojects" / "keel").symlink_to(self.source, target_is_directory=True)
        build = folder / "build"
        run("meson", "setup", build, folder, "--wrap-mode=forcefallback", CXX=self.command)
        run("meson", "compile", "-C", build)
        expect_42(build / "app")


def main(command, source):
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        c = consumer(command, pathlib.Path(source).resolve(), pathlib.Path(folder).resolve())
        for step in (c.install, c.installed_files, c.pkg_config, c.cmake, c.cmake_versions, c.meson_subproject):
            try:
                step()
                passed += 1
            except (wrong, OSError) as error:
                failed += 1
                print(f"{step.__name__}: {error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

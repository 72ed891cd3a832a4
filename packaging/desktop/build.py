"""Builds the desktop program: a folder, and of it what the system at hand installs from.

Linux: a Debian package and a portable archive. Windows: an installer (Inno Setup 6 must be there).
macOS: a disk image with the application.

Run: ``python packaging/desktop/build.py [--out build] [--quick]`` with the Python of an environment
that holds the program, PyInstaller and a torch without CUDA; ``packaging/desktop/build.sh`` makes
one. Prints what each step took and how large it came out.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))
NAME = "fgvc-studio"
MAINTAINER = "The FGVC Studio authors <fgvc-studio@localhost>"
SYMBOLS = ("libtorch_cpu.so", "libtorch_python.so", "libllvmlite.so", "libpython3*.so.*")
# Newer releases of Debian and Ubuntu renamed some packages.
RENAMED = {"libglib2.0-0": "libglib2.0-0 | libglib2.0-0t64"}


def main() -> None:
    """Build what this system can."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true", help="weak compression, for trying out")
    parser.add_argument("--keep", action="store_true", help="use the folder of an earlier build")
    args = parser.parse_args()
    from fgvc_studio import __version__ as version

    out = args.out.resolve()
    icons, folder = out / "icons", out / "dist" / NAME
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "FGVC_ICONS": str(icons)}
    icon = ROOT / "resources" / "icons" / "app.svg"
    step("icons", [sys.executable, HERE / "icons.py", icon, icons], environment)
    if not args.keep:
        freeze = [
            sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN",
            "--distpath", out / "dist", "--workpath", out / "work", HERE / "fgvc_studio.spec",
        ]  # fmt: skip
        step("folder", freeze, environment)
        if sys.platform.startswith("linux"):
            strip(folder)
    print(f"folder: {megabytes(folder):,.0f} MB in {folder}")
    if sys.platform.startswith("linux"):
        level = "-1" if args.quick else "-15"
        package(folder, icons, out, version, "1" if args.quick else "9")
        portable(out, version, level)
    elif sys.platform == "win32":
        installer(folder, icons, out, version)
    elif sys.platform == "darwin":
        disk_image(out, version)


def step(name: str, command: list[object], environment: dict[str, str] | None = None) -> None:
    """Run a command and say how long it took."""
    started = time.monotonic()
    subprocess.run([str(c) for c in command], check=True, env=environment)
    print(f"{name}: {time.monotonic() - started:,.0f} s", flush=True)


def megabytes(path: Path) -> float:
    """Size of a file or of all files in a folder; hard links and links are not counted twice."""
    if path.is_file():
        return path.stat().st_size / 1e6
    found = {(s.st_dev, s.st_ino): s.st_size for p in path.rglob("*") for s in [p.lstat()]}
    return sum(found.values()) / 1e6


def strip(folder: Path) -> None:
    """Take the names of local symbols out of the libraries that carry many.

    Not out of all: libraries that a wheel's maker has rearranged do not survive it.
    """
    before = megabytes(folder)
    for pattern in SYMBOLS:
        for library in (folder / "_internal").rglob(pattern):
            library = library.resolve()
            subprocess.run(["strip", "--strip-unneeded", str(library)], check=True)
    print(f"symbols: {before - megabytes(folder):,.0f} MB taken out")


def package(folder: Path, icons: Path, out: Path, version: str, level: str) -> None:
    """Make ``fgvc-studio_<version>_<architecture>.deb``."""
    tree = out / "deb"
    shutil.rmtree(tree, ignore_errors=True)
    lib = tree / "usr" / "lib"
    lib.mkdir(parents=True)
    subprocess.run(["cp", "-a", "--link", str(folder), str(lib / NAME)], check=True)
    link = tree / "usr" / "bin" / NAME
    link.parent.mkdir()
    link.symlink_to(f"../lib/{NAME}/{NAME}")
    share = tree / "usr" / "share"
    put(HERE / "linux" / f"{NAME}.desktop", share / "applications" / f"{NAME}.desktop")
    put(HERE / "linux" / f"{NAME}.xml", share / "mime" / "packages" / f"{NAME}.xml")
    info = "org.fgvc_studio.FGVCStudio.metainfo.xml"
    put(HERE / "linux" / info, share / "metainfo" / info, version)
    manual = put(HERE / "linux" / f"{NAME}.1", share / "man" / "man1" / f"{NAME}.1", version)
    manual.with_suffix(".1.gz").write_bytes(gzip.compress(manual.read_bytes(), mtime=0))
    manual.unlink()
    put(ROOT / "LICENSE", share / "doc" / NAME / "copyright")
    for png in icons.glob("*.png"):
        size = f"{png.stem}x{png.stem}"
        put(png, share / "icons" / "hicolor" / size / "apps" / f"{NAME}.png")
    scalable = share / "icons" / "hicolor" / "scalable" / "apps" / f"{NAME}.svg"
    put(ROOT / "resources" / "icons" / "app.svg", scalable)
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    control = tree / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        f"Package: {NAME}\nVersion: {version}\nArchitecture: {architecture}\n"
        f"Maintainer: {MAINTAINER}\nInstalled-Size: {round(megabytes(tree) * 1e6 / 1024)}\n"
        f"Depends: {', '.join(dependencies())}\nSection: science\nPriority: optional\n"
        "Description: name tens of thousands of look-alike photos\n"
        " All photos of a project stand on one map and in one grid; look-alikes are named\n"
        " together, classes that nobody has named yet are proposed, and the classifier shows\n"
        " which parts of a photo it looked at. Works without a network.\n"
    )
    made = out / f"{NAME}_{version}_{architecture}.deb"
    step(
        "package",
        ["dpkg-deb", "--root-owner-group", "-Zzstd", f"-z{level}", "--build", tree, made],
    )
    shutil.rmtree(tree)
    print(f"package: {megabytes(made):,.0f} MB in {made}")


def put(source: Path, target: Path, version: str = "") -> Path:
    """Copy a file of the package, filling in version and date."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if version:
        text = source.read_text("utf-8").replace("@VERSION@", version)
        target.write_text(text.replace("@DATE@", date.today().isoformat()), "utf-8")
    else:
        shutil.copyfile(source, target)
    target.chmod(0o644)
    return target


def dependencies() -> list[str]:
    """Debian packages of the libraries that Qt opens at run time, and the C library."""
    from fgvc_studio.services.health import QT_LIBRARIES

    libc = f"libc6 (>= {platform.libc_ver()[1] or '2.31'})"
    return [libc, *(RENAMED.get(name, name) for name in sorted(set(QT_LIBRARIES.values())))]


def portable(out: Path, version: str, level: str) -> None:
    """Make ``fgvc-studio-<version>-linux-<machine>.tar.zst``: unpack anywhere and start."""
    made = out / f"{NAME}-{version}-linux-{platform.machine()}.tar.zst"
    command = f'tar -C "{out / "dist"}" -c {NAME} | zstd -q -f -T0 {level} -o "{made}"'
    step("archive", ["bash", "-o", "pipefail", "-c", command])
    print(f"archive: {megabytes(made):,.0f} MB in {made}")


def installer(folder: Path, icons: Path, out: Path, version: str) -> None:
    """Make ``fgvc-studio-<version>-windows-x86_64.exe``."""
    usual = Path(os.environ.get("PROGRAMFILES(X86)", "")) / "Inno Setup 6" / "ISCC.exe"
    compiler = shutil.which("ISCC") or (str(usual) if usual.exists() else None)
    if compiler is None:
        sys.exit("Inno Setup 6 was not found: install it from jrsoftware.org, then use --keep.")
    settings = {"Version": version, "Folder": folder, "Icon": icons / "app.ico"}
    defines = [f"/D{name}={value}" for name, value in settings.items()]
    step("installer", [compiler, "/Q", *defines, f"/O{out}", HERE / "windows" / f"{NAME}.iss"])
    made = out / f"{NAME}-{version}-windows-x86_64.exe"
    print(f"installer: {megabytes(made):,.0f} MB in {made}")


def disk_image(out: Path, version: str) -> None:
    """Make ``fgvc-studio-<version>-macos-<machine>.dmg``: drag the application to its place.

    With ``FGVC_SIGN`` (the name of a Developer ID certificate) the application is signed first.
    """
    stage, made = out / "dmg", out / f"{NAME}-{version}-macos-{platform.machine()}.dmg"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    application = stage / "FGVC Studio.app"
    shutil.copytree(out / "dist" / application.name, application, symlinks=True)
    (stage / "Applications").symlink_to("/Applications")
    identity = os.environ.get("FGVC_SIGN")
    if identity:
        sign = ["codesign", "--deep", "--force", "--options", "runtime", "--timestamp"]
        step("signature", [*sign, "--sign", identity, application])
    step(
        "disk image",
        ["hdiutil", "create", "-ov", "-quiet", "-volname", "FGVC Studio", "-format", "ULMO",
         "-srcfolder", stage, made],
    )  # fmt: skip
    shutil.rmtree(stage)
    print(f"disk image: {megabytes(made):,.0f} MB in {made}")


if __name__ == "__main__":
    main()

"""zipfile, tarfile, gzip, shutil, tempfile, pathlib, glob, fnmatch."""

import io
import os
import sys

from fresh import fresh

INCLUDE = [
    "zipfile.*",
    "tarfile",
    "gzip",
    "_compression",
    "shutil",
    "tempfile",
    "pathlib.*",
    "glob",
    "fnmatch",
    "filecmp",
    "fileinput",
    "stat",
    "posixpath",
    "genericpath",
]
fnmatch, glob, tempfile, gzip, tarfile, zipfile, shutil, pathlib, filecmp, fileinput = fresh(
    "fnmatch", "glob", "tempfile", "gzip", "tarfile", "zipfile", "shutil", "pathlib", "filecmp", "fileinput"
)

with tempfile.TemporaryDirectory() as folder:
    here = pathlib.Path(folder)
    (here / "sub" / "deep").mkdir(parents=True)
    (here / "a.txt").write_text("alpha\nbeta\n")
    (here / "sub" / "b.bin").write_bytes(bytes(range(256)) * 9)
    (here / "sub" / "deep" / "c.txt").write_text("gamma")
    (here / "link").symlink_to("a.txt")

    with zipfile.ZipFile(here / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(here / "a.txt", "a.txt")
        archive.writestr(zipfile.ZipInfo("ü/b.txt", (2020, 1, 2, 3, 4, 6)), "text " * 99, compresslevel=3)
        archive.writestr("stored", b"1234", zipfile.ZIP_STORED)
        archive.comment = b"comment"
        with archive.open("streamed", "w") as member:
            member.write(b"x" * 99)
    with zipfile.ZipFile(here / "x.zip", "a") as archive:
        archive.writestr("added", "more")
        print(
            archive.namelist(),
            archive.testzip(),
            archive.read("ü/b.txt")[:9],
            archive.getinfo("stored"),
            archive.comment,
        )
        with archive.open("ü/b.txt") as member:
            print(
                member.read(5), member.readline(7), member.seek(2), member.peek(3)[:3], member.read1(4), member.tell()
            )
        archive.extractall(here / "out", members=["a.txt", "ü/b.txt"])
        for call in (
            lambda: archive.read("no"),
            lambda: archive.open("a.txt", "x"),
            lambda: zipfile.ZipFile(here / "a.txt"),
            lambda: archive.setpassword("x"),
            lambda: zipfile.ZipFile(here / "x.zip", "q"),
        ):
            try:
                print(call())
            except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
                print(type(error).__name__)
    zip_path = zipfile.Path(here / "x.zip")
    print(
        sorted(p.name for p in zip_path.iterdir()),
        (zip_path / "a.txt").read_text(),
        (zip_path / "no").exists(),
        zipfile.is_zipfile(here / "a.txt"),
    )

    for mode in ("w", "w:gz", "w:bz2"):
        buffer = io.BytesIO()
        with tarfile.open(
            fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT if mode == "w" else tarfile.GNU_FORMAT
        ) as archive:
            archive.add(
                here / "sub",
                "sub",
                filter=lambda info: (
                    info.replace(mtime=0, uname="u", gname="g", uid=1, gid=1, deep=False)
                    if hasattr(info, "replace")
                    else info
                ),
            )
            archive.add(here / "link", "link")
            info = tarfile.TarInfo("long/" + "n" * 120 + "ü")
            info.size = 4
            archive.addfile(info, io.BytesIO(b"data"))
        buffer.seek(0)
        with tarfile.open(fileobj=buffer) as archive:
            print([(m.name, m.size, m.isdir(), m.issym()) for m in archive], archive.extractfile("sub/b.bin").read(3))
            archive.extractall(here / ("tar" + mode[2:]), **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
            try:
                archive.getmember("no")
            except KeyError as error:
                print(error)
    for bad in (b"", b"nonsense" * 99, b"\0" * 1024):
        try:
            print(tarfile.open(fileobj=io.BytesIO(bad)).getnames())
        except tarfile.ReadError as error:
            print(error)

    with gzip.open(here / "t.gz", "wt") as file:
        file.write("line one\nline two\n")
    with gzip.open(here / "t.gz", "rb") as file:
        print(file.readline(), file.read(), file.seek(0), file.peek(2)[:2])
    print(gzip.decompress(gzip.compress(b"abc" * 99, mtime=0))[:6])
    try:
        gzip.decompress(b"not gzip")
    except gzip.BadGzipFile as error:
        print(error)

    shutil.copytree(here / "sub", here / "copy", ignore=shutil.ignore_patterns("*.bin"))
    shutil.copy2(here / "a.txt", here / "copy")
    shutil.move(here / "copy" / "a.txt", here / "moved")
    shutil.make_archive(str(here / "made"), "zip", here / "sub")
    shutil.unpack_archive(here / "made.zip", here / "unpacked")
    print(
        shutil.which("nosuchprogram"),
        shutil.disk_usage(here).total > 0,
        sorted(p.name for p in here.rglob("*.txt")),
        sorted(os.path.basename(p) for p in glob.glob("**/*.t?t", root_dir=here, recursive=True)),
        glob.escape("[a]"),
        fnmatch.filter(["a.py", "b.txt"], "*.[pq]y"),
        fnmatch.translate("[!a]*?"),
        sorted(p.name for p in here.glob("sub/**/")),
    )
    shutil.rmtree(here / "copy")
    for call in (
        lambda: shutil.rmtree(here / "copy"),
        lambda: shutil.copyfile(here / "a.txt", here / "a.txt"),
        lambda: shutil.move(here / "sub", here / "sub" / "deep"),
        lambda: shutil.unpack_archive("x.unknown"),
    ):
        try:
            call()
        except (OSError, shutil.Error) as error:
            print(type(error).__name__)
    compared = filecmp.dircmp(here / "sub", here / "unpacked")
    print(compared.common, compared.left_only, filecmp.cmp(here / "a.txt", here / "moved", shallow=False))
    with fileinput.input([here / "a.txt", here / "moved"]) as lines:
        print([(fileinput.filelineno(), line) for line in lines])
    fileinput.close()
    p = pathlib.PurePosixPath("/a/b/../c.tar.gz")
    print(
        p.name,
        p.stem,
        p.suffixes,
        p.parents[0],
        p.with_suffix(".x"),
        p.with_name("d"),
        p.relative_to("/a"),
        p / "e",
        p.match("*.gz"),
        p.is_absolute(),
        p.parts,
        p.as_uri(),
        pathlib.PureWindowsPath("c:\\x\\y").drive,
        p == pathlib.PurePosixPath("/a"),
        p.joinpath("z"),
        p.is_relative_to("/b"),
    )
    for call in (
        lambda: p.relative_to("/x"),
        lambda: p.with_name(""),
        lambda: (here / "no").read_text(),
        lambda: p.with_suffix("x"),
        lambda: (here / "a.txt").mkdir(),
    ):
        try:
            print(call())
        except (ValueError, OSError) as error:
            print(type(error).__name__)
    with (
        tempfile.NamedTemporaryFile("w+", dir=folder, suffix=".t") as named,
        tempfile.SpooledTemporaryFile(4) as spooled,
    ):
        named.write("x")
        spooled.write(b"rollover")
        print(named.name.endswith(".t"), spooled.tell())
    print(
        os.path.relpath("/a/b", "/a/c"),
        os.path.commonpath(["/a/b", "/a/c"]),
        os.path.expandvars("$NOSUCH/${X}"),
        os.path.normpath("/a/./b/../c"),
        os.path.splitext("a.b.c"),
        os.path.realpath(here / "link") == str(here / "a.txt"),
    )

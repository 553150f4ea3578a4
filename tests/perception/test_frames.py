"""Every tool's way of naming a place is understood, also with the slips that reading a picture brings."""

from __future__ import annotations

import pytest

from mmcore.perception.frames import parse_frames
from mmcore.types import Frame

OUTPUTS = {
    "python": (
        """Traceback (most recent call last):
  File "/home/dev/batch/main.py", line 8, in <module>
    main()
  File "/home/dev/batch/core.py", line 27, in load_ticket
    return 1/0
           ~^~
ZeroDivisionError: division by zero""",
        Frame("/home/dev/batch/core.py", 27, None, "load_ticket", "division by zero", "ZeroDivisionError"),
    ),
    "chained python": (
        """  File "/a/x.py", line 1, in f
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/a/y.py", line 2, in g
  File "/a/z.py", line 3, in h
ValueError: no""",
        Frame("/a/z.py", 3, None, "h", "no", "ValueError"),
    ),
    "pytest --tb=line": (
        "E   IndexError: list index out of range\n/home/dev/app/median.py:6: IndexError: list index out of range",
        Frame("/home/dev/app/median.py", 6, None, "", "list index out of range", "IndexError"),
    ),
    "pytest": (
        "test_x.py:4: \n_ _ _ _\n>   return a\nE   assert 3 == 4\nE    +  where 3 = f(3)\n\nlib.py:9: AssertionError",
        Frame("lib.py", 9, None, "", "assert 3 == 4", "AssertionError"),
    ),
    "node": (
        """/app/src/server.js:12
    throw new Error("boom");

TypeError: Cannot read properties of undefined (reading 'id')
    at handler (/app/src/server.js:12:11)
    at async file:///app/src/index.mjs:3:1""",
        Frame(
            "/app/src/server.js",
            12,
            11,
            "handler",
            "Cannot read properties of undefined (reading 'id')",
            "TypeError",
        ),
    ),
    "rustc": (
        "error[E0308]: mismatched types\n --> src/main.rs:4:18\n  |\n4 |     let x: i32 = y;",
        Frame("src/main.rs", 4, 18, "", "mismatched types", "E0308"),
    ),
    "rust panic": (
        "thread 'main' panicked at src/lib.rs:10:5:\nindex out of bounds: the len is 3 but the index is 99",
        Frame("src/lib.rs", 10, 5, "", "index out of bounds: the len is 3 but the index is 99", "panic"),
    ),
    "go panic": (
        "panic: runtime error: index out of range [5]\n\ngoroutine 1 [running]:\nmain.load(...)\n"
        "\t/home/dev/shop/load.go:14 +0x1d\nmain.main()\n\t/home/dev/shop/main.go:9 +0x1d",
        Frame("/home/dev/shop/load.go", 14, None, "main.load", "runtime error: index out of range [5]", "panic"),
    ),
    "go build": ("./main.go:7:2: undefined: foo", Frame("./main.go", 7, 2, "", "undefined: foo")),
    "gcc": (
        "src/util.c: In function 'main':\nsrc/util.c:12:5: error: 'x' undeclared\n   12 |     x = 3;",
        Frame("src/util.c", 12, 5, "", "'x' undeclared", "error"),
    ),
    "tsc": (
        "src/app.ts(10,7): error TS2322: Type 'string' is not assignable to type 'number'.",
        Frame("src/app.ts", 10, 7, "", "Type 'string' is not assignable to type 'number'.", "TS2322"),
    ),
    "java": (
        'Exception in thread "main" java.lang.NullPointerException: Cannot invoke\n\tat com.acme.App.run(App.java:17)',
        Frame("App.java", 17, None, "com.acme.App.run", "Cannot invoke", "java.lang.NullPointerException"),
    ),
    "ruby": (
        "lib/shop.rb:4:in `total': undefined method `+' for nil (NoMethodError)",
        Frame("lib/shop.rb", 4, None, "total", "", ""),
    ),
    "windows python": (
        "  File \"C:\\Users\\dev\\app\\main.py\", line 3, in <module>\nModuleNotFoundError: No module named 'x'",
        Frame("C:\\Users\\dev\\app\\main.py", 3, None, "<module>", "No module named 'x'", "ModuleNotFoundError"),
    ),
    "slips of the reader": (
        'Fi1e“/home/dev/batch/main.py",1ine l8,in main\nValueError: bad',
        Frame("/home/dev/batch/main.py", 18, None, "main", "bad", "ValueError"),
    ),
}


@pytest.mark.parametrize("tool", OUTPUTS)
def test_innermost_place_and_what_was_raised_there_come_first(tool: str) -> None:
    output, expected = OUTPUTS[tool]
    assert parse_frames(output)[0] == expected


def test_outer_frames_follow_from_the_inside_out() -> None:
    frames = parse_frames(OUTPUTS["chained python"][0])
    assert [(frame.path, frame.exception) for frame in frames] == [
        ("/a/z.py", "ValueError"),
        ("/a/y.py", ""),
        ("/a/x.py", "KeyError"),
    ]


def test_prose_names_no_place() -> None:
    assert parse_frames("Meet at 10:30, version 2.0:1 of the report. See example.com for more.") == ()

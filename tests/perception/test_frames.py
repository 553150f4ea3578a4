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
        Frame(
            "/home/dev/batch/core.py", 27, None, "load_ticket", "division by zero", "ZeroDivisionError", "return 1/0"
        ),
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
        Frame("lib.py", 9, None, "", "assert 3 == 4", "AssertionError", "return a"),
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
            'throw new Error("boom");',
        ),
    ),
    "rustc": (
        "error[E0308]: mismatched types\n --> src/main.rs:4:18\n  |\n4 |     let x: i32 = y;",
        Frame("src/main.rs", 4, 18, "", "mismatched types", "E0308", "let x: i32 = y;"),
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
        Frame("src/util.c", 12, 5, "", "'x' undeclared", "error", "x = 3;"),
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
        Frame("lib/shop.rb", 4, None, "total", "undefined method `+' for nil", "NoMethodError"),
    ),
    "windows python": (
        "  File \"C:\\Users\\dev\\app\\main.py\", line 3, in <module>\nModuleNotFoundError: No module named 'x'",
        Frame("C:\\Users\\dev\\app\\main.py", 3, None, "<module>", "No module named 'x'", "ModuleNotFoundError"),
    ),
    "own exception": (
        '  File "shop/cart.py", line 12, in go\n    raise OutOfStock("pear")\nshop.errors.OutOfStock: pear',
        Frame("shop/cart.py", 12, None, "go", "pear", "shop.errors.OutOfStock", 'raise OutOfStock("pear")'),
    ),
    "exception group": (
        """  + Exception Group Traceback (most recent call last):
  |   File "/a/main.py", line 3, in <module>
  | ExceptionGroup: x (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/a/cart.py", line 12, in total
    |     raise ValueError(1)
    | ValueError: 1
    +------------------------------------""",
        Frame("/a/cart.py", 12, None, "total", "1", "ValueError", "raise ValueError(1)"),
    ),
    "docker compose": (
        'app-1  |   File "/app/cart.py", line 12, in total\napp-1  |     return 1/0\napp-1  | ZeroDivisionError: no',
        Frame("/app/cart.py", 12, None, "total", "no", "ZeroDivisionError", "return 1/0"),
    ),
    "rich": (
        """│ /a/main.py:3 in <module>   │
│ ❱ 3 total([])              │
│ /a/cart.py:12 in total     │
│   11 def total(items):     │
│ ❱ 12   return 1/0          │
╰────────────────────────────╯
ZeroDivisionError: division by zero""",
        Frame("/a/cart.py", 12, None, "total", "division by zero", "ZeroDivisionError", "return 1/0"),
    ),
    "ipython": (
        "Cell In[3], line 1\n----> 1 total([])\n\nFile ~/shop/cart.py:12, in total(items)\n     10 def total(items):\n"
        "---> 12     return 1/0\n\nZeroDivisionError: division by zero",
        Frame("~/shop/cart.py", 12, None, "total", "division by zero", "ZeroDivisionError", "return 1/0"),
    ),
    "line broken by the terminal": (
        '  File "/home/dev/shop/a/long/pa\nth/cart.py", line 12, in total\n    return 1/0\nZeroDivisionError: no',
        Frame("/home/dev/shop/a/long/path/cart.py", 12, None, "total", "no", "ZeroDivisionError", "return 1/0"),
    ),
    "browser": (
        "TypeError: no\n    at App (http://localhost:5173/src/App.tsx?t=1699:12:5)",
        Frame("src/App.tsx", 12, 5, "App", "no", "TypeError"),
    ),
    "bundler": ("at Cart (webpack-internal:///./src/Cart.jsx:22:17)", Frame("./src/Cart.jsx", 22, 17, "Cart")),
    "plain error of node": (
        "Error: no\n    at total (/app/cart.js:12:11)",
        Frame("/app/cart.js", 12, 11, "total", "no", "Error"),
    ),
    "eslint": (
        "/home/dev/shop/src/cart.js\n  12:5  error  'x' is not defined  no-undef",
        Frame("/home/dev/shop/src/cart.js", 12, 5, "", "'x' is not defined  no-undef", "error"),
    ),
    "tsc, pretty": (
        "src/app.ts:3:5 - error TS2322: Type no.\n\n3     const x: number = 'a';\n      ~",
        Frame("src/app.ts", 3, 5, "", "Type no.", "TS2322", "const x: number = 'a';"),
    ),
    "kotlinc": ("e: file:///a/Cart.kt:12:5 Unresolved reference: x", Frame("/a/Cart.kt", 12, 5)),
    "msvc": (
        "C:\\work\\cart.cpp(12): error C2065: 'x': undeclared identifier",
        Frame("C:\\work\\cart.cpp", 12, None, "", "'x': undeclared identifier", "C2065"),
    ),
    "c#": (
        "Unhandled exception. System.ArgumentException: no\n   at Shop.Cart.Total() in C:\\work\\Cart.cs:line 12",
        Frame("C:\\work\\Cart.cs", 12, None, "Shop.Cart.Total()", "no", "System.ArgumentException"),
    ),
    "php": (
        "PHP Fatal error:  Uncaught TypeError: no, called in /a/index.php on line 9 and defined in /a/cart.php:12\n"
        "Stack trace:\n#0 /a/index.php(9): total(NULL)\n  thrown in /a/cart.php on line 12",
        Frame("/a/cart.php", 12, None, "", "no, called in /a/index.php on line 9 and defined", "TypeError"),
    ),
    "elixir": (
        "** (ArithmeticError) bad argument\n    lib/cart.ex:12: Shop.Cart.total/1",
        Frame("lib/cart.ex", 12, None, "", "bad argument", "ArithmeticError"),
    ),
    "perl": ("Can't locate x at lib/Cart.pm line 12.", Frame("lib/Cart.pm", 12)),
    "shell": (
        "./deploy.sh: line 12: foo: command not found",
        Frame("./deploy.sh", 12, None, "", "foo: command not found"),
    ),
    "make": (
        "Makefile:12: *** missing separator.  Stop.",
        Frame("Makefile", 12, None, "", "*** missing separator.  Stop."),
    ),
    "django": ("Location:\t/a/cart/views.py, line 12, in index", Frame("/a/cart/views.py", 12, None, "index")),
    "yaml": ('  in "config.yaml", line 12, column 5', Frame("config.yaml", 12, 5)),
    "pytest, summary alone": (
        "FAILED tests/test_cart.py::TestCart::test_total[3] - assert 3 == 4",
        Frame("tests/test_cart.py", 0, None, "TestCart.test_total", "assert 3 == 4"),
    ),
    "slips of the reader in node": (
        "RangeError: no\n    at priceOf (/home/dev/shop/src/cart.js:l2:ll)",
        Frame("/home/dev/shop/src/cart.js", 12, 11, "priceOf", "no", "RangeError"),
    ),
    "slips of the reader in mypy": (
        "shop/cart.py:2l: error: Incompatible types",
        Frame("shop/cart.py", 21, None, "", "Incompatible types", "error"),
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

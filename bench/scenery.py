"""What the pictures of `pictures.py` are made of: themes, fonts, what terminals and dialogs say."""

from __future__ import annotations

THEMES = [
    "monokai",
    "default",
    "github-dark",
    "solarized-light",
    "solarized-dark",
    "dracula",
    "nord",
    "one-dark",
    "friendly",
    "vs",
    "gruvbox-dark",
    "xcode",
    "zenburn",
    "material",
    "lightbulb",
]
FONTS = [
    "Hack",
    "Fira Code",
    "JetBrains Mono",
    "DejaVu Sans Mono",
    "Liberation Mono",
    "Inconsolata",
    "Noto Sans Mono",
    "Cascadia Code",
    "IBM Plex Mono",
    "Ubuntu Mono",
    "Source Code Pro",
    "Roboto Mono",
    "Agave",
    "mononoki",
    "Fantasque Sans Mono",
    "Go Mono",
    "B612 Mono",
    "Geist Mono",
    "Space Mono",
]
SIDES = ("Inter", "DejaVu Sans", "Liberation Sans", "Noto Sans", "Lato")
COMMANDS = (
    ("npm test", ""),
    ("git status --short", " M src/main.rs\n?? notes.txt\n"),
    ("ls -la", "total 24\ndrwxr-xr-x 2 dev dev 4096 Mar  3 10:12 .\n-rw-r--r-- 1 dev dev  812 Mar  3 10:12 main.go\n"),
    (
        "git log --oneline -3",
        "9f1c0de Fix the l10n of O'Brien\n0b1l1I0 Bump to v1.10.0\na11c0de Merge branch 'io/0O'\n",
    ),
    ("grep -rn 'TODO' src | head -2", "src/io.c:101:  /* TODO(ll): |x| <= 1e-10 */\nsrc/a.py:7:# TODO: `__all__`\n"),
)
OUTPUTS = (
    """error[E0502]: cannot borrow `list` as mutable because it is also borrowed as immutable
  --> src/main.rs:17:5
   |
16 |     let first = &list[0];
   |                  ---- immutable borrow occurs here
17 |     list.push(6);
   |     ^^^^^^^^^^^^ mutable borrow occurs here
18 |     println!("{first}");
   |               ------- immutable borrow later used here
error: could not compile `shop` (bin "shop") due to 1 previous error""",
    """src/index.ts:14:11 - error TS2322: Type 'string | undefined' is not assignable to type 'number'.

14     const total: number = parse(input);
             ~~~~~
Found 1 error in src/index.ts:14""",
    """Exception in thread "main" java.lang.IllegalStateException: pool[0] is closed
\tat com.shop.db.Pool.acquire(Pool.java:88)
\tat com.shop.OrderService.load(OrderService.java:41)
\tat com.shop.Main.main(Main.java:12)
Caused by: java.io.IOException: Connection refused (10.0.0.1:5432)
\t... 3 more""",
    """panic: runtime error: index out of range [10] with length 10

goroutine 1 [running]:
main.sum(0xc00001c0a8, 0xa, 0xa)
\t/home/dev/app/sum.go:11 +0x1b8
main.main()
\t/home/dev/app/main.go:7 +0x5c
exit status 2""",
    """/home/dev/app/node_modules/lib/index.js:101
    throw new TypeError(`Expected ${expected}, got ${typeof value}`);
    ^

TypeError: Expected number, got string
    at check (/home/dev/app/node_modules/lib/index.js:101:11)
    at Object.<anonymous> (/home/dev/app/src/main.js:3:1)
    at node:internal/main/run_main_module:23:47

Node.js v20.11.0""",
    """main.c: In function ‘main’:
main.c:9:18: warning: format ‘%d’ expects argument of type ‘int’ [-Wformat=]
    9 |         printf("%d\\n", l1);
      |                 ~^     ~~
      |                  |     |
      |                  int   long int
      |                 %ld
main.c:12:1: error: expected ‘;’ before ‘}’ token""",
    """Traceback (most recent call last):
  File "/srv/app/.venv/lib/python3.11/site-packages/flask/app.py", line 1455, in wsgi_app
    response = self.full_dispatch_request()
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/app/api/orders.py", line 101, in create
    return {"id": order["id"], "total": round(sum(x.price for x in items), 2)}
                  ~~~~~^^^^^^
KeyError: 'id'""",
    """ FAIL  src/cart.test.ts
  ● cart › adds up

    expect(received).toBe(expected) // Object.is equality

    Expected: 10.01
    Received: 11

      11 |   it("adds up", () => {
    > 12 |     expect(sum([1, 9.01])).toBe(10.01);
         |                            ^
      13 |   });

Tests:       1 failed, 11 passed, 12 total""",
)
PROMPTS = (
    "dev@host:~/app$ ",
    "$ ",
    "➜  app ",
    "root@0c1d7e:/srv# ",
    "[dev@fedora app]$ ",
    "C:\\Users\\dev\\app> ",
    "PS C:\\app> ",
    "❯ ",
)
CHINESE = (
    "# 计算所有商品的价格，包括税",
    "// 如果用户不存在，返回空列表",
    "# 注意：这里不能并发",
    "// 读取配置文件 config.yaml",
)


DIALOGS = (
    ("Save changes?", "Do you want to save the changes you made to main.py?", ("Don't Save", "Cancel", "Save")),
    ("Python Error", "ModuleNotFoundError: No module named 'yaml'", ("OK",)),
    ("Microsoft Visual Studio", "The operation could not be completed. Access is denied (0x80070005).", ("OK", "Help")),
    (
        "Git: push rejected",
        "The remote contains work that you do not have locally. Pull before you push.",
        ("Cancel", "Open Git Log"),
    ),
    ("Confirm deletion", "Delete 12 files from /home/dev/app/build? This cannot be undone.", ("Cancel", "Delete")),
    ("IntelliJ IDEA", "Cannot start process, the working directory 'C:\\work\\shop' does not exist", ("Close",)),
)

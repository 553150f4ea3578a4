"""Take the README's picture: a real Neovim in a real terminal, real weights. Run by docs/pictures.sh, on its screen."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.neovim import CLIENT, Neovim, fetch, wait_for

ROOT = Path(__file__).parents[1]
QUESTION = "--image pictures/checkout-fails.png Why does this program fail, and how do I fix it?"
SETUP = f"""
vim.opt.runtimepath:prepend('{CLIENT}')
vim.opt.termguicolors = true
vim.opt.number = true
vim.opt.laststatus = 2
vim.opt.linebreak = true
vim.cmd.colorscheme('habamax')
require('sidesight').setup({{ cmd = {{ '{Path(sys.executable).parent / "sidesight"}', 'serve' }} }})
"""


def main(out: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        workspace = shutil.copytree(ROOT / "lsp_server" / "sample", home / "shop-sample")
        (workspace / ".git").mkdir()
        (home / "init.lua").write_text(SETUP, "utf-8")
        address = home / "nvim.sock"
        program = fetch()
        font = ["-fa", "DejaVu Sans Mono", "-fs", "12", "-b", "8", "-bg", "#1c1c1c", "-geometry", "150x36+0+0"]
        edit = [program, "-i", "NONE", "-n", "-u", home / "init.lua", "--listen", address, "shop/cart.py"]
        terminal = subprocess.Popen(["xterm", *font, "-e", *edit], cwd=workspace)
        try:
            wait_for(address)
            photograph(Neovim(program, address), out)
        finally:
            terminal.terminate()
            terminal.wait()


def photograph(editor: Neovim, out: str) -> None:
    editor.until("#vim.lsp.get_clients({ bufnr = 0, name = 'sidesight' }) > 0")
    editor.type(f":vertical Sidesight ask {QUESTION}<CR>")
    editor.until("vim.bo.filetype == 'markdown' and not require('sidesight.answer').is_busy(0)", 300)
    editor.type("<C-w>pG$A")
    editor.until_ghost_text(120)
    # A redraw reaches the screen a moment after Neovim has made it.
    editor.lua("vim.wait(500)")
    subprocess.run(["import", "-silent", "-window", "root", out], check=True)


if __name__ == "__main__":
    main(sys.argv[1])

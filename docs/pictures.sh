#!/usr/bin/env bash
# Take the pictures in this repository: real programs in a real terminal, on a virtual screen.
# Needs Debian's xvfb, xterm, imagemagick and fonts-dejavu-core.  Usage: docs/pictures.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# shot OUT COLUMNS ROWS COMMAND: run COMMAND in an xterm, wait until the screen no longer changes, save it as OUT.
shot() {
  local out=$1 columns=$2 rows=$3 command=$4
  xvfb-run --auto-servernum --server-args="-screen 0 1600x1200x24" bash -c '
    xterm -fa "DejaVu Sans Mono" -fs 12 -bg "#1d1f21" -fg "#e0e0e0" -b 12 -geometry "$2x$3+0+0" -e bash -c "$4; sleep 600" &
    before=""
    for _ in $(seq 1 120); do
      sleep 0.5
      import -silent -window root png:"$1" 2>/dev/null || continue
      now=$(identify -format "%#" "$1")
      [ "$now" = "$before" ] && [ "$(convert "$1" -format %k info:)" -gt 40 ] && break
      before=$now
    done
    kill %1
  ' _ "$out" "$columns" "$rows" "$command"
  mogrify -trim +repage -strip "$out"
}

sample=$PWD/lsp_server/sample
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -r "$sample" "$stage/shop-sample"

shot "$sample/pictures/checkout-fails.png" 92 22 \
  "cd '$stage/shop-sample' && PS1='\$ ' && echo '\$ python3 -m shop' && PYTHONDONTWRITEBYTECODE=1 python3 -m shop"

# What is read in that picture, drawn on it; README quotes the text.
.venv/bin/sidesight read "$sample/pictures/checkout-fails.png" --overlay docs/reading.png >/dev/null

xvfb-run --auto-servernum --server-args="-screen 0 1600x1200x24" .venv/bin/python -m docs.neovim_picture docs/neovim.png
mogrify -trim +repage -strip docs/neovim.png

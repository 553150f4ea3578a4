"""Whether code stands inside something is told by what it says, in many languages."""

from __future__ import annotations

import pytest

from mmcore.perception.gutter import LEAST_NESTED
from mmcore.perception.nesting import chances_of_depths, step_of

INSIDE = {
    "ruby": """
end

def ask(question)
  raise EndOfInput, question if @input.eof?

  super
end
""",
    "json": """
"name": "prices",
"files": [
  "a.json"
],
"size": 3,
""",
    "python": """
def total(self) -> int:
    return sum(self.prices)

@property
def first(self) -> int:
    return self.prices[0]
""",
    "php": """
public function getName(): string
{
    return $this->name;
}

private function reset(): void
""",
    "go": """
if err != nil {
    return nil, err
}
for _, one := range all {
    sum += one
}
return sum, nil
""",
}
OUTSIDE = {
    "python": """
import os
import sys
from pathlib import Path

class Cart:
    def total(self):
        return 1
""",
    "c": """
#include <stdio.h>

static int count;

int main(void)
{
    return 0;
}
""",
    "go": """
package prices

import "fmt"

func Print(sum int) {
    fmt.Println(sum)
}
""",
    "php": """
<?php

namespace Shop;

use Shop\\Price;

class Cart
""",
    "rust": """
use std::fmt;

pub struct Price {
    cents: u32,
}

impl Price {
""",
}


def lines(code: str, margin: int = 0) -> list[tuple[int, str]]:
    shown = [line for line in code.splitlines() if line]
    return [(margin + len(line) - len(line.lstrip()), line.strip()) for line in shown]


@pytest.mark.parametrize("language", INSIDE)
def test_bodies_stand_inside_something(language: str) -> None:
    chances = chances_of_depths(lines(INSIDE[language]))
    assert chances[0] < 0.1
    assert sum(chances) == pytest.approx(1)


@pytest.mark.parametrize("language", OUTSIDE)
def test_whole_files_do_not(language: str) -> None:
    assert chances_of_depths(lines(OUTSIDE[language]))[0] > 1 - LEAST_NESTED


def test_where_the_margin_is_does_not_matter() -> None:
    code = INSIDE["ruby"]
    assert chances_of_depths(lines(code, 12)) == chances_of_depths(lines(code))


def test_a_method_is_deeper_inside_than_a_function() -> None:
    method, function = (chances_of_depths(lines(INSIDE[language])) for language in ("ruby", "php"))
    assert sum(method[2:]) > 0.5 > sum(function[2:])


def test_steps_are_of_two_or_four() -> None:
    assert step_of([4, 6, 8]) == 2
    assert step_of([4, 8, 12]) == 4
    assert step_of([4]) == 4

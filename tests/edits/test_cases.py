"""Tests that a model wrote in JavaScript, Rust or Go, taken apart and put together again."""

from __future__ import annotations

from mmcore.edits.test_cases import CaseFile, TestCase, compose, joined, split, take_apart

SCRIPT = """\
import { add } from './sums'
import fs from 'fs'
const big = 10
describe('add', () => {
  const small = 1
  it('adds', () => {
    expect(add(1, 2)).toBe(3);
    expect(add(small, 2)).toBe(4);
  });
  test('adds', () => { expect(add(big, 0)).toBe(10) });
});
"""
RUST = """\
fn add(a: i32, b: i32) -> i32 { a + b }
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    const BIG: i32 = 10;

    #[test]
    #[should_panic]
    fn overflows() {
        add(i32::MAX, 1);
    }
}
"""
GO = """\
package sums

import (
	"testing"
	"fmt"
	"strings"
)

func TestAdd(t *testing.T) {
	if got := strings.Repeat("a", Add(1, 2)); got != "aaa" {
		t.Errorf("got %v", got)
	}
}

func half(n int) int { return n / 2 }
"""


def test_cases_of_a_script_come_out_of_their_describe_blocks() -> None:
    parts = take_apart(SCRIPT, "typescript")
    assert [case.name for case in parts.cases] == ["adds", "adds_2"]
    assert parts.cases[0].source.startswith("test('adds', () => {\n  expect(")
    assert parts.support == ("const big = 10", "const small = 1")
    made = compose("", parts, "typescript", ["import { expect, test } from 'vitest';"])
    assert made.startswith("import { expect, test } from 'vitest';\n")
    assert "import { add }" in made
    assert "'fs'" not in made


def test_a_case_is_split_into_its_assertions() -> None:
    first = take_apart(SCRIPT, "typescript").cases[0]
    assert [part.source.count("expect(") for part in split(first)] == [1, 1]
    assert split(TestCase("x", "test('x', () => {\n  expect(1).toBe(1);\n});")) == []


def test_cases_of_rust_keep_their_attributes_and_leave_the_code_behind() -> None:
    parts = take_apart(RUST, "rust")
    assert [case.name for case in parts.cases] == ["overflows"]
    assert parts.cases[0].source.startswith("#[test]\n#[should_panic]\nfn overflows() {\n    add(")
    assert parts.support == ("const BIG: i32 = 10;",)
    made = compose("pub fn add() {}\n", parts, "rust", ["use super::*;"])
    assert made.startswith("pub fn add() {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n")
    assert "std::fs" not in made


def test_cases_of_rust_go_into_the_module_that_is_there() -> None:
    old = "pub fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn old() {}\n}\n"
    made = compose(old, CaseFile(cases=(TestCase("new", "#[test]\nfn new() {}"),)), "rust", ["use super::*;"])
    assert made == old[:-2] + "\n    #[test]\n    fn new() {}\n}\n"


def test_cases_of_go_import_what_they_use_and_nothing_else() -> None:
    parts = take_apart(GO, "go")
    assert [case.name for case in parts.cases] == ["TestAdd"]
    made = compose("", parts, "go", ["package sums"])
    assert made.startswith('package sums\n\nimport "testing"\nimport "strings"\n\nfunc half(')
    again = compose(made, CaseFile(cases=(TestCase("TestB", "func TestB(t *testing.T) {}"),)), "go", ["package sums"])
    assert again.count('"testing"') == 1
    assert again.endswith("\n\nfunc TestB(t *testing.T) {}\n")


def test_what_says_the_same_under_another_name_is_not_kept_twice() -> None:
    one = CaseFile(cases=(TestCase("a", "test('a', () => {})"),))
    other = CaseFile(cases=(TestCase("b", "test('b', () => {})"), TestCase("a", "test('a', () => { expect(1) })")))
    assert [case.name for case in joined(one, other).cases] == ["a", "a_2"]


def test_what_does_not_parse_has_no_cases() -> None:
    for language in ("javascript", "rust", "go"):
        assert take_apart("}}} ((( \x00 ```", language).cases == ()

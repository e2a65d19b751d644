"""A file's language is told by its name, and by its content where names are shared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.search.extract.language import is_generated, is_test, is_vendored, language


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/main.rs", "Rust"),
        ("cmd/a.go", "Go"),
        ("a.py", "Python"),
        ("a.PY", "Python"),
        ("ui/App.tsx", "TSX"),
        ("a.jsx", "JavaScript"),
        ("a.hpp", "C++"),
        ("A.java", "Java"),
        ("a.kt", "Kotlin"),
        ("a.swift", "Swift"),
        ("main.tf", "HCL"),
        ("schema.graphql", "GraphQL"),
        ("build.gradle", "Groovy"),
        ("build.zig", "Zig"),
        ("README.md", "Markdown"),
        ("README", "Text"),
        ("Makefile", "Makefile"),
        ("Dockerfile", "Dockerfile"),
        ("docker/Dockerfile.dev", "Dockerfile"),
        ("CMakeLists.txt", "CMake"),
        ("go.mod", "Go Module"),
        ("Cargo.lock", "TOML"),
        (".gitignore", "Ignore List"),
        (".bashrc", "Shell"),
        ("Jenkinsfile", "Groovy"),
        ("tests++/a b#c%测.go", "Go"),
        ("no_extension", None),
        ("what.is-this", None),
        ("", None),
        (".", None),
    ],
)
def test_by_name(path: str, expected: str | None) -> None:
    """The base name decides, whatever stands before it."""
    assert language(path, "") == expected


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("a.h", "#ifndef A_H\nint f(void);\nstruct foo {\n  int class;\n};\n", "C"),
        ("a.h", "typedef struct x x;\nclass_t y;\n", "C"),
        ("a.h", "#include <stdio.h>\n", "C"),
        ("a.h", "namespace x {\n", "C++"),
        ("a.h", "class Foo {\n public:\n", "C++"),
        ("a.h", "template <typename T>\nT f();\n", "C++"),
        ("a.h", "void f(std::string s);\n", "C++"),
        ("a.h", "struct A : B {\n", "C++"),
        ("a.h", "#import <Foundation/Foundation.h>\n@interface Foo : NSObject\n@end\n", "Objective-C"),
        ("a.m", "@implementation Foo\n@end\n", "Objective-C"),
        ("a.m", "function y = f(x)\n% help\n", "MATLAB"),
        ("a.m", ":- module foo.\n", "Mercury"),
        ("a.ts", "export const x: number = 1;\n", "TypeScript"),
        ("de.ts", '<?xml version="1.0"?>\n<!DOCTYPE TS>\n<TS>', "XML"),
        ("a.pl", "use strict;\nmy $x = 1;\n", "Perl"),
        ("a.pl", ":- module(x, [f/1]).\nf(X) :- g(X).\n", "Prolog"),
        ("a.v", "module top(input a);\nendmodule\n", "Verilog"),
        ("a.v", "Theorem plus_comm : forall n m, n + m = m + n.\nProof.\n", "Coq"),
        ("a.v", "module main\n\nfn main() {\n", "V"),
        ("a.inc", "<?php\necho 1;\n", "PHP"),
        ("a.inc", "just words\n", None),
        ("a.sql", "SELECT 1;\n", "SQL"),
        ("a.sql", "CREATE FUNCTION f() RETURNS int AS $$\nBEGIN\n", "PLpgSQL"),
        ("a.sql", "CREATE OR REPLACE PACKAGE p AS\n", "PLSQL"),
        ("a.sql", "SELECT 1\nGO\n", "TSQL"),
        ("run", "#!/usr/bin/env python3.11\n", "Python"),
        ("run", "#!/bin/sh -e\n", "Shell"),
        ("run", "#!/usr/bin/env -S node --harmony\n", "JavaScript"),
        ("run", "#!", None),
        ("run", "#!/opt/unknown/thing\n", None),
        ("a.rs", "#!/usr/bin/env python\n", "Rust"),
    ],
)
def test_by_content(path: str, head: str, expected: str | None) -> None:
    """Shared extensions and missing ones are decided by the first lines."""
    assert language(path, head) == expected


@pytest.mark.parametrize(
    "path",
    [
        "tests/a.rs",
        "src/test/java/A.java",
        "pkg/a_test.go",
        "test_a.py",
        "a/conftest.py",
        "ui/a.test.tsx",
        "ui/a.spec.ts",
        "spec/a_spec.rb",
        "src/FooTest.java",
        "__tests__/a.js",
        "internal/testdata/a.go",
    ],
)
def test_tests_are_known(path: str) -> None:
    """The usual names and folders of tests."""
    assert is_test(path)


@pytest.mark.parametrize(
    "path",
    ["src/main.rs", "contest.py", "latest/a.go", "src/Attest.java", "testing.md", "src/protest/a.c", "greatest.go"],
)
def test_words_that_hold_test_are_no_tests(path: str) -> None:
    """A name is not a test because the letters occur in it."""
    assert not is_test(path)


@pytest.mark.parametrize(
    "path",
    [
        "vendor/a/b.go",
        "web/node_modules/x/index.js",
        "third_party/z.c",
        "js/jquery-3.6.0.min.js",
        "gradlew",
        "a/pods/x.m",
    ],
)
def test_code_of_others_is_known(path: str) -> None:
    """The usual places of copied code."""
    assert is_vendored(path)


@pytest.mark.parametrize("path", ["src/vendor.go", "vendors.py", "docs/third_party.md", "reactor.js"])
def test_own_code_is_not_vendored(path: str) -> None:
    """Only folders count, and only whole names."""
    assert not is_vendored(path)


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("a.go", "// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n"),
        ("a.pb.go", ""),
        ("a_pb2.py", ""),
        ("package-lock.json", ""),
        ("go.sum", ""),
        ("x.min.js", ""),
        ("a.java", "/* @generated by hand, really */\n"),
        ("a.c", "/* This file was automatically generated. Do not modify it. */\n"),
        ("a.js", "!function(){" + "a=1;" * 500),
    ],
)
def test_generated_code_is_known(path: str, head: str) -> None:
    """By name, by the notice on top, or because it has no lines."""
    assert is_generated(path, head)


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("gen.go", "// Package gen writes generated code.\npackage gen\n"),
        ("a.py", "# Do not edit the database by hand\n"),
        ("a.js", "var a = 1;\n" * 500),
        ("README.md", "The docs are generated by sphinx.\n"),
    ],
)
def test_talking_about_generated_code_is_not_generated(path: str, head: str) -> None:
    """A notice says both that the file was made and that one should not touch it."""
    assert not is_generated(path, head)


@given(st.text(max_size=80), st.text(max_size=300))
def test_never_raises(path: str, head: str) -> None:
    """Any name and any text get an answer."""
    assert language(path, head) is None or language(path, head)
    assert isinstance(is_generated(path, head) and is_test(path) and is_vendored(path), bool)

#!/bin/sh
# Stands for Python where the Makefile is tested: as `python -m venv` it makes a .venv of itself, as pip it installs a
# file. Files in the project say what happens: full-venv, full-pip and full-tests that the disk is full, misspelt that a
# requirement is.
case "$*" in
"-m venv .venv")
    mkdir -p .venv/bin && cp "$0" .venv/bin/python && cp "$0" .venv/bin/dvc
    [ ! -e full-venv ] || { touch .venv/half-a-pip && exit 1; }
    ;;
"-m pip "*)
    [ ! -e .venv/half-a-pip ] || exit 1
    case "$*" in
    *--dry-run*) [ ! -e misspelt ] ;;
    *tests/requirements.txt) [ ! -e full-tests ] || { touch .venv/half-a-package && exit 1; } ;;
    *requirements.txt) [ ! -e full-pip ] || { touch .venv/half-a-package && exit 1; } ;;
    esac
    ;;
esac

#!/bin/sh
# Stands for Python where the Makefile is tested: as `python -m venv` it makes a .venv of itself, as pip it installs a
# file. Files in the project say what happens: full-venv, full-pip and full-tests that the disk is full, misspelt that a
# requirement is. What pip was last called with is in the file pip. As dvc it keeps what core.no_scm is set to in a file of that name.
case "$*" in
"-m venv .venv")
    mkdir -p .venv/bin && cp "$0" .venv/bin/python && cp "$0" .venv/bin/dvc
    [ ! -e full-venv ] || { touch .venv/half-a-pip && exit 1; }
    ;;
"config --local core.no_scm "*) echo "$4" > no_scm ;;
"-m pip "*)
    [ ! -e .venv/half-a-pip ] || exit 1
    case "$*" in
    *--dry-run*) [ ! -e misspelt ] ;;
    *tests/requirements.txt) [ ! -e full-tests ] || { touch .venv/half-a-package && exit 1; } ;;
    *requirements/*.txt)
        echo "$*" > pip
        [ ! -e full-pip ] || { touch .venv/half-a-package && exit 1; }
        ;;
    esac
    ;;
esac

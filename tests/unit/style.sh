#!/usr/bin/env bash
# The hand that the code is written in: "style.sh format SOURCE_DIR BUILD_DIR", or of one room "style.sh tidy SOURCE_DIR
# BUILD_DIR ROOM".
set -u
cd "$2" || exit 1
sources=$(find common topo traffic collector reports daemon scenario cli tests -name '*.[ch]' -not -path '*/page/*')
case $1 in
format)
    command -v clang-format >/dev/null || { echo "SKIP: needs clang-format"; exit 77; }
    # shellcheck disable=SC2086 # a list of files without blanks
    clang-format --dry-run -Werror $sources
    ;;
tidy)
    runner=$(command -v run-clang-tidy || command -v run-clang-tidy-14) || { echo "SKIP: needs clang-tidy"; exit 77; }
    # What the build made itself (rooms/ holds links to the sources) is not looked at.
    "$runner" -p "$3" -quiet -j 1 "^$2/$4/.*\\.c\$" >"$3/tidy.$4.log" 2>/dev/null
    status=$?
    grep -E "(warning|error):" "$3/tidy.$4.log"
    exit $status
    ;;
esac

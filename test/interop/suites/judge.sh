# Put before each suite. `judge NAME` reads its results, lines of `passed TEST`, `failed TEST` or `skipped TEST`, and says them in one line.
# $EXPECTED explains failures that are the suite's own or are wanted, a line `TEST: reason` each. Others make it fail, and so does an
# explanation that is not needed any more.
judge() {
  awk -v suite="$1" -v expected="$EXPECTED" '
    BEGIN {
      lines = split(expected, line, "\n")
      for (i = 1; i <= lines; i++) if (at = index(line[i], ": ")) reason[substr(line[i], 1, at - 1)] = substr(line[i], at + 2)
    }
    { test = substr($0, index($0, " ") + 1) }
    $1 == "passed" { passed++; if (test in reason) { wrong++; print "unexpectedly passed " test } }
    $1 == "skipped" { skipped++ }
    $1 == "failed" { if (test in reason) explained++; else { wrong++; print "failed " test } }
    END {
      printf "%s: %d passed, %d failed as explained, %d skipped, %d unexpected\n", suite, passed, explained, skipped, wrong
      exit wrong > 0 || passed == 0
    }'
}

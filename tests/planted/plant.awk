# plant.awk: plants the bugs of the list (bugs says how it is written) into the sources below TREE.
#
#     awk -f plant.awk -v tree=TREE bugs
#
# Where an original stands, both stand afterwards, and aio__planted(N) chooses.  Prints a line per
# bug: its number, its programs, its name, with tabs between them.  Fails if a record is not
# complete, an original is not there exactly once, or two that are not the same overlap.

function found(what) {
    print FILENAME ": " what >"/dev/stderr"
    bad++
}
/^#/ || /^ *$/ { next }
/^[^ ]/ { name[++bugs] = $0; field = ""; next }
/^    (in|was|is|tests) / { field = $1; sub(/^ *[a-z]+ +/, "") }
field == "" { found("line " FNR " is neither a name nor of a field"); next }
{
    sub(/^ +/, "")
    so_far = text[bugs, field]
    text[bugs, field] = so_far (so_far != "" ? " " : "") $0
}

function read(path,    line, all) {
    if (path in sources)
        return
    while ((getline line <(tree "/" path)) > 0)
        all = all line "\n"
    close(tree "/" path)
    sources[path] = all
    paths[++path_count] = path
}

# How long the words are that stand at `at`, with any blanks between them; 0 if they do not.
function length_at(source, at, words, count,    i, from) {
    from = at
    for (i = 1; i <= count; i++) {
        while (i > 1 && substr(source, from, 1) ~ /[ \n]/)
            from++
        if (substr(source, from, length(words[i])) != words[i])
            return 0
        from += length(words[i])
    }
    return from - at
}

# Sets first[bug] and size[bug].
function locate(bug, source,    words, count, from, at, long, times) {
    count = split(text[bug, "was"], words, " ")
    for (from = 1; (at = index(substr(source, from), words[1])) > 0; from += at) {
        long = length_at(source, from + at - 1, words, count)
        if (!long)
            continue
        times++
        first[bug] = from + at - 1
        size[bug] = long
    }
    if (times != 1)
        found("`" name[bug] "`: its original is " times + 0 " times in " text[bug, "in"])
}

function is_statement(bug) {
    return text[bug, "was"] ~ /;$/
}

function statement(bug) {
    return "if (aio__planted(" bug ")) { " text[bug, "is"] " } else "
}

function expression(bug) {
    return "aio__planted(" bug ") ? (" text[bug, "is"] ") : "
}

# The source with all bugs of this file in it; the last ones first, for the places count from the
# beginning.
function plant(path, source,    bug, last, was, code, end) {
    end = length(source) + 1
    for (;;) {
        last = 0
        for (bug = bugs; bug > 0; bug--)
            if (text[bug, "in"] == path && size[bug] && !planted[bug] &&
                (!last || first[bug] > first[last]))
                last = bug
        if (!last)
            break
        code = ""
        for (bug = 1; bug <= bugs; bug++)
            if (text[bug, "in"] == path && first[bug] == first[last] && size[bug] == size[last]) {
                code = code (is_statement(bug) ? statement(bug) : expression(bug))
                planted[bug] = 1
            }
        if (first[last] + size[last] > end)
            found("`" name[last] "`: its original overlaps with another's")
        end = first[last]
        was = substr(source, end, size[last])
        code = is_statement(last) ? "{ " code "{ " was " } }" : "(" code "(" was "))"
        source = substr(source, 1, end - 1) code substr(source, end + size[last])
    }
    return "_Bool aio__planted(int bug); " source # on the first line: the others keep their numbers
}

END {
    for (bug = 1; bug <= bugs; bug++) {
        if (text[bug, "in"] == "" || text[bug, "was"] == "" || text[bug, "is"] == "" ||
            text[bug, "tests"] == "") {
            found("`" name[bug] "` is not complete")
            continue
        }
        read(text[bug, "in"])
        locate(bug, sources[text[bug, "in"]])
        print bug "\t" text[bug, "tests"] "\t" name[bug]
    }
    for (i = 1; i <= path_count && !bad; i++) {
        code = plant(paths[i], sources[paths[i]])
        printf "%s", code >(tree "/" paths[i])
        close(tree "/" paths[i])
    }
    exit bad > 0
}

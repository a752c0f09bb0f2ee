"""Our changes to QuickJS-NG's regular expressions: characters that the `v` flag forbids in a class
are allowed outside of one (`/a-b/v`, `/a&&b/v`)."""

CHANGES = [
    (
        "v flag, double characters",
        "libregexp.c",
        "        if (s->unicode_sets && p[1] == c) {\n",
        "        if (s->unicode_sets && inclass && p[1] == c) {\n",
    ),
    (
        "v flag, single characters",
        "libregexp.c",
        """        if (s->unicode_sets) {
            /* invalid characters in unicode sets */
""",
        """        if (s->unicode_sets && inclass) {
            /* invalid characters in unicode sets */
""",
    ),
]

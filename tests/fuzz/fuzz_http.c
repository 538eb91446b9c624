/*
 * Fuzzes the HTTP example's parser and body decoder.
 *
 * The first byte says how the rest is cut.  However that is, the verdict must be
 * the same as for the whole; and nothing may read where it should not, which is
 * the sanitizers' to say.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -Iexamples -Itests \
 *         tests/fuzz/fuzz_http.c examples/http/{syntax,request,parser,body}.c
 */
#include "support/http_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 1;
    size_t step = (size_t)data[0] + 1;
    struct http_feed whole = http_feed_text(text, size - 1, size - 1, 1);
    struct http_feed pieces = http_feed_text(text, size - 1, step, step);
    struct http_feed bytes = http_feed_text(text, size - 1, 1, 1);
    if (!http_feed_same(&whole, &pieces) || !http_feed_same(&whole, &bytes))
        abort();
    return 0;
}

/*
 * A state machine.  Each step reads as much as belongs to one element; a step
 * that comes to the end of what is there leaves its state for the next call.
 *
 * The bounds of the line and of the fields are one position, which no step
 * reads beyond: so the status for too much does not depend on how the bytes
 * were cut either.
 */
#include "parser.h"

#include "syntax.h"

#define LONGEST_METHOD 32
#define CRLF_SIZE 2

void http_parser_init(http_parser *parser, const struct http_limits *limits)
{
    *parser = (http_parser){.limits = limits, .limit = limits->line + CRLF_SIZE, .over_limit = 414};
}

/* Goes on with the byte behind this one. */
static int next(http_parser *parser, enum http_state state)
{
    parser->position++;
    parser->mark = parser->position;
    parser->state = state;
    return HTTP_MORE;
}

static int next_if(http_parser *parser, bool condition, enum http_state state)
{
    return condition ? next(parser, state) : 400;
}

/* ---- the request's line ---------------------------------------------------------------------- */

static int at_start(http_parser *parser, const char *head)
{
    if (head[parser->position] == '\r' && parser->position == 0)
        return next(parser, HTTP_AT_START_LF);
    parser->mark = parser->position;
    parser->limit = parser->position + parser->limits->line + CRLF_SIZE;
    parser->state = HTTP_IN_METHOD;
    return HTTP_MORE;
}

static int in_method(http_parser *parser, const char *head, size_t end)
{
    parser->position = http_run(head, parser->position, end, HTTP_TOKEN);
    size_t size = parser->position - parser->mark;
    if (size > LONGEST_METHOD)
        return 501;
    if (parser->position == end)
        return HTTP_MORE;
    if (size == 0 || head[parser->position] != ' ')
        return 400;
    parser->request.method = http_method_of(head + parser->mark, size);
    parser->request.target = parser->position + 1;
    return next(parser, HTTP_IN_PATH);
}

/* At the space behind the target, whose query begins at `query`. */
static int end_target(http_parser *parser, const char *head, size_t query)
{
    struct http_request *request = &parser->request;
    request->target_size = parser->position - request->target;
    int status = http_request_set_target(request, head, query);
    return status != 0 ? status : next(parser, HTTP_IN_VERSION);
}

static int in_path(http_parser *parser, const char *head, size_t end)
{
    parser->position = http_run(head, parser->position, end, HTTP_PATH);
    if (parser->position == end)
        return HTTP_MORE;
    if (head[parser->position] == ' ')
        return end_target(parser, head, parser->position);
    parser->end = parser->position;
    return next_if(parser, head[parser->position] == '?', HTTP_IN_QUERY);
}

static int in_query(http_parser *parser, const char *head, size_t end)
{
    do
        parser->position = http_run(head, parser->position, end, HTTP_PATH);
    while (parser->position < end && head[parser->position] == '?' && ++parser->position < end);
    if (parser->position == end)
        return HTTP_MORE;
    return head[parser->position] == ' ' ? end_target(parser, head, parser->end) : 400;
}

static int end_line(http_parser *parser)
{
    if (parser->major != '1' || parser->request.minor > 1)
        return 505;
    parser->limit = parser->position + 1 + parser->limits->fields_size + CRLF_SIZE;
    parser->over_limit = 431;
    return next(parser, HTTP_AT_FIELD);
}

/* Byte for byte the same as this, but for the two digits. */
static int in_version(http_parser *parser, const char *head, size_t end)
{
    static const char pattern[] = "HTTP/0.0\r\n";
    for (; parser->position < end; parser->position++) {
        char byte = head[parser->position];
        char wanted = pattern[parser->position - parser->mark];
        if (wanted == '0' ? !http_is_digit(byte) : byte != wanted)
            return 400;
        if (wanted == '\n')
            return end_line(parser);
        if (wanted == '0' && parser->position - parser->mark == 5)
            parser->major = byte;
        else if (wanted == '0')
            parser->request.minor = (unsigned)(byte - '0');
    }
    return HTTP_MORE;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static int at_field(http_parser *parser, const char *head)
{
    if (head[parser->position] == '\r')
        return next(parser, HTTP_AT_END_LF);
    if (++parser->fields > parser->limits->fields)
        return 431;
    parser->name = parser->position;
    parser->state = HTTP_IN_NAME;
    return HTTP_MORE;
}

/* A space in front of the colon, or of the name (which would go on with the field before), is
 * refused here, as no part of a name. */
static int in_name(http_parser *parser, const char *head, size_t end)
{
    parser->position = http_run(head, parser->position, end, HTTP_TOKEN);
    if (parser->position == end)
        return HTTP_MORE;
    parser->end = parser->position;
    bool empty = parser->end == parser->name;
    return next_if(parser, head[parser->position] == ':' && !empty, HTTP_BEFORE_VALUE);
}

static int before_value(http_parser *parser, const char *head, size_t end)
{
    while (parser->position < end && http_is_blank(head[parser->position]))
        parser->position++;
    if (parser->position == end)
        return HTTP_MORE;
    parser->mark = parser->position;
    parser->state = HTTP_IN_VALUE;
    return HTTP_MORE;
}

static int in_value(http_parser *parser, const char *head, size_t end)
{
    parser->position = http_run(head, parser->position, end, HTTP_VALUE);
    if (parser->position == end)
        return HTTP_MORE;
    if (head[parser->position] != '\r')
        return 400;
    size_t value_end = parser->position;
    while (value_end > parser->mark && http_is_blank(head[value_end - 1]))
        value_end--;
    int status =
        http_request_add_field(&parser->request, head + parser->name, parser->end - parser->name,
                               head + parser->mark, value_end - parser->mark);
    return status != 0 ? status : next(parser, HTTP_AT_FIELD_LF);
}

static int at_end(http_parser *parser, const char *head)
{
    if (head[parser->position++] != '\n')
        return 400;
    int status = http_request_finish(&parser->request, parser->limits);
    return status != 0 ? status : HTTP_COMPLETE;
}

/* ---- the machine ----------------------------------------------------------------------------- */

/* There is a byte to read: the position is before `end`. */
static int step(http_parser *parser, const char *head, size_t end)
{
    bool at_lf = head[parser->position] == '\n';
    switch (parser->state) {
    case HTTP_AT_START:
        return at_start(parser, head);
    case HTTP_AT_START_LF:
        return next_if(parser, at_lf, HTTP_AT_START);
    case HTTP_IN_METHOD:
        return in_method(parser, head, end);
    case HTTP_IN_PATH:
        return in_path(parser, head, end);
    case HTTP_IN_QUERY:
        return in_query(parser, head, end);
    case HTTP_IN_VERSION:
        return in_version(parser, head, end);
    case HTTP_AT_FIELD:
        return at_field(parser, head);
    case HTTP_IN_NAME:
        return in_name(parser, head, end);
    case HTTP_BEFORE_VALUE:
        return before_value(parser, head, end);
    case HTTP_IN_VALUE:
        return in_value(parser, head, end);
    case HTTP_AT_FIELD_LF:
        return next_if(parser, at_lf, HTTP_AT_FIELD);
    case HTTP_AT_END_LF:
        return at_end(parser, head);
    }
    return 400;
}

int http_parser_run(http_parser *parser, const char *head, size_t size)
{
    int verdict = HTTP_MORE;
    while (verdict == HTTP_MORE) {
        size_t end = size < parser->limit ? size : parser->limit;
        if (parser->position >= end)
            return end == parser->limit ? parser->over_limit : HTTP_MORE;
        verdict = step(parser, head, end);
    }
    return verdict;
}

/*
 * One client: reads its requests, answers them, and ends the connection so that
 * the last answer arrives.
 *
 * Requests that have come together are answered together: output is sent when
 * the connection would wait for input, or its buffer is full.
 *
 * One timeout scope spans the whole connection; its deadline is moved as the
 * connection goes from phase to phase.  Where it expires, the phase says what
 * that means.
 */
#include "body.h"
#include "parser.h"
#include "server.h"

/* What a client may still send after the last response. */
#define LINGER_LIMIT ((size_t)16 * 1024 * 1024)

enum phase {
    BUSY,
    IDLE,    /* waits for a request, and has not a byte of it */
    IN_HEAD, /* waits for the rest of one */
    IN_BODY,
    SENDING
};

/* What serving comes to: a negative error, or one of these. */
enum outcome {
    NEXT,    /* there may be another request */
    GONE,    /* the client has ended the connection, or let it lie */
    ANSWERED /* we end it; the last response is in the output */
};

struct http_connection {
    http_server *server;
    aio_stream *stream;
    aio_task *task;
    struct http_connection *next, **link; /* in the server's list; *link points here */
    aio_timeout timeout;
    enum phase phase;
    bool first;         /* no request was answered yet */
    int64_t now;        /* when it was woken last */
    int64_t body_start; /* when the body began; valid while reading it */
    http_parser parser;
    http_body body;
    struct http_output output;
};

typedef struct http_connection connection;

/* ---- deadlines ------------------------------------------------------------------------------- */

/* Moves the deadline, unless it is almost that already: on a busy connection it need not be exact.
 */
static void set_deadline(connection *c, int64_t when, int64_t slack)
{
    int64_t current = aio_timeout_when(&c->timeout);
    if (current > when || current < when - slack)
        (void)aio_timeout_reschedule(&c->timeout, when);
}

/* The first request's deadline counts from the start of the connection. */
static void begin_idle(connection *c)
{
    int64_t duration = c->server->options.idle_timeout;
    c->phase = IDLE;
    if (c->server->stopping)
        set_deadline(c, c->now, 0); /* only what is there already still counts */
    else if (!c->first)
        set_deadline(c, c->now + duration, duration / 32);
}

/* One deadline for the whole head, not one from byte to byte. */
static void begin_head(connection *c)
{
    if (c->phase != IN_HEAD && !c->first)
        set_deadline(c, c->now + c->server->options.head_timeout, 0);
    c->phase = IN_HEAD;
}

/* What has arrived buys time for the rest. */
static void begin_body(connection *c)
{
    const struct http_options *options = &c->server->options;
    int64_t earned = AIO_SEC(c->body.received / options->body_rate);
    c->phase = IN_BODY;
    set_deadline(c, c->body_start + options->body_timeout + earned, AIO_MSEC(10));
}

/* ---- input and output ------------------------------------------------------------------------ */

static int send_output(connection *c)
{
    int64_t duration = c->server->options.write_timeout;
    if (c->output.used == 0)
        return 0;
    c->phase = SENDING;
    set_deadline(c, c->now + duration, duration / 32);
    return http_output_send(&c->output, c->stream);
}

/* Waits until more than `seen` bytes are there, and shows them all; `begin` names the phase, and
 * sets its deadline.  Returns how many; 0 at the end; or an error. */
static ssize_t wait_input(connection *c, size_t seen, void (*begin)(connection *c),
                          const char **out_data)
{
    bool waits = aio_stream_buffered(c->stream) <= seen;
    if (waits) {
        int rc = send_output(c);
        if (rc < 0)
            return rc;
        c->now = aio_loop_time(c->server->loop);
        begin(c);
    }
    ssize_t size = aio_stream_peek(c->stream, seen + 1, out_data);
    if (waits)
        c->now = aio_loop_time(c->server->loop);
    if (size > 0 && c->phase == IDLE)
        c->phase = BUSY;
    return size < 0 || (size_t)size > seen ? size : 0;
}

static int append_response(connection *c, const struct http_response *response, bool close)
{
    const struct http_request *request = &c->parser.request;
    unsigned flags = 0;
    if (close)
        flags |= HTTP_CLOSE;
    else if (request->minor == 0)
        flags |= HTTP_KEEP_ALIVE;
    if (request->method == HTTP_HEAD)
        flags |= HTTP_WITHOUT_CONTENT;
    http_date_update(&c->server->date, c->now);
    return http_output_response(&c->output, response, &c->server->date, flags);
}

static int append_status(connection *c, int status)
{
    return append_response(c, http_site_status(&c->server->site, status), true);
}

/* ---- a request ------------------------------------------------------------------------------- */

/* Returns HTTP_COMPLETE or a status; 0 if the client ends the connection here; or an error. */
static int read_head(connection *c, const char **out_head)
{
    size_t seen = 0;
    int verdict = HTTP_MORE;
    http_parser_init(&c->parser, &c->server->options.limits);
    c->phase = BUSY;
    while (verdict == HTTP_MORE) {
        ssize_t size = wait_input(c, seen, seen == 0 ? begin_idle : begin_head, out_head);
        if (size <= 0)
            return (int)size;
        seen = (size_t)size;
        verdict = http_parser_run(&c->parser, *out_head, seen);
    }
    return verdict;
}

/* Reads over what is there of the body, which nobody wants.  Returns a verdict. */
static int skip_body(connection *c, const char *data, size_t size)
{
    int verdict = HTTP_MORE;
    size_t start = 0;
    while (verdict == HTTP_MORE && start < size) {
        struct http_content content;
        size_t used;
        verdict = http_body_run(&c->body, data + start, size - start, &used, &content);
        start += used;
    }
    (void)aio_stream_consume(c->stream, start);
    return verdict;
}

/* A client that waits to be asked for the body is asked, unless it has not waited. */
static int ask_for_body(connection *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!c->parser.request.expects_continue || aio_stream_buffered(c->stream) > 0)
        return 0;
    return http_output_text(&c->output, text, sizeof text - 1);
}

/* Returns as read_head(). */
static int read_body(connection *c)
{
    http_body_init(&c->body, &c->parser.request, &c->server->options.limits);
    if (http_body_ended(&c->body))
        return HTTP_COMPLETE;
    int verdict = ask_for_body(c);
    c->body_start = c->now;
    while (verdict == HTTP_MORE) {
        const char *data;
        ssize_t size = wait_input(c, 0, begin_body, &data);
        if (size <= 0)
            return (int)size;
        verdict = skip_body(c, data, (size_t)size);
    }
    return verdict;
}

/* Returns an enum outcome, or an error. */
static int answer(connection *c, const struct http_response *response)
{
    bool close = !c->parser.request.keep_alive || c->server->stopping;
    c->first = false;
    int rc = append_response(c, response, close);
    if (rc == 0 && http_output_full(&c->output))
        rc = send_output(c);
    return rc == 0 && close ? ANSWERED : rc;
}

static int refuse(connection *c, int status)
{
    int rc = append_status(c, status);
    return rc == 0 ? ANSWERED : rc;
}

static int serve_request(connection *c)
{
    const struct http_response *response = NULL;
    const char *head;
    int verdict = read_head(c, &head);
    if (verdict == HTTP_COMPLETE) {
        /* Chosen before the body is read, which takes the place of the head. */
        response = http_site_find(&c->server->site, &c->parser.request, head);
        (void)aio_stream_consume(c->stream, c->parser.position);
        verdict = read_body(c);
    }
    if (verdict == HTTP_COMPLETE)
        return answer(c, response);
    if (verdict > 0)
        return refuse(c, verdict);
    return verdict == 0 ? GONE : verdict;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Closing a socket with unread data resets the connection, and the reset may overtake the response:
 * so the client is told of the end, and what it still sends is read.  Returns 0 when it ends, too;
 * -AIO_ELIMIT if it sends too much; or an error. */
static int say_goodbye(connection *c)
{
    int rc = http_output_send(&c->output, c->stream);
    if (rc == 0)
        rc = aio_stream_write_eof(c->stream);
    if (rc < 0)
        return rc;
    for (size_t drained = 0; drained < LINGER_LIMIT;) {
        const char *data;
        ssize_t size = aio_stream_peek(c->stream, 1, &data);
        if (size <= 0)
            return (int)size;
        (void)aio_stream_consume(c->stream, (size_t)size);
        drained += (size_t)size;
    }
    return -AIO_ELIMIT;
}

static int linger(connection *c)
{
    int rc = aio_timeout_begin(&c->timeout, c->server->options.linger_timeout);
    return rc == 0 ? aio_timeout_end(&c->timeout, say_goodbye(c)) : rc;
}

/* What it means that the deadline has expired: an enum outcome, or -ETIMEDOUT. */
static int expire(connection *c)
{
    switch (c->phase) {
    case IDLE:
        return GONE;
    case IN_HEAD:
    case IN_BODY:
        return refuse(c, 408);
    default:
        return -ETIMEDOUT;
    }
}

/* `outcome` is what the last request came to.  A client that has had its time is left alone at
 * once: closing would give it more, in which it is not counted. */
static int finish(connection *c, int outcome)
{
    if (outcome == -ETIMEDOUT)
        outcome = expire(c);
    if (outcome > 0)
        outcome = linger(c);
    http_output_clear(&c->output);
    if (outcome != -ETIMEDOUT && outcome != -AIO_ELIMIT)
        return outcome;
    aio_stream_abort(c->stream);
    return 0;
}

/* ---- the server's connections ---------------------------------------------------------------- */

static void list_add(connection *c)
{
    c->link = &c->server->connections;
    c->next = *c->link;
    if (c->next != NULL)
        c->next->link = &c->next;
    *c->link = c;
}

static void list_remove(connection *c)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
}

void http_connections_stop(http_server *server)
{
    for (connection *c = server->connections; c != NULL; c = c->next)
        if (c->phase == IDLE)
            (void)aio_task_cancel(c->task);
}

static int serve(connection *c)
{
    int rc = aio_timeout_begin(&c->timeout, c->server->options.head_timeout);
    if (rc < 0)
        return rc;
    list_add(c);
    while (rc == NEXT)
        rc = serve_request(c);
    list_remove(c);
    return finish(c, aio_timeout_end(&c->timeout, rc));
}

/* One client too many: it is told so, unless there are too many of these as well. */
static int turn_away(connection *c)
{
    if (c->server->refused > c->server->options.clients / 8)
        return 0;
    c->server->refused++;
    int rc = finish(c, refuse(c, 503));
    c->server->refused--;
    return rc;
}

int http_connection_serve(aio_stream *stream, void *arg)
{
    http_server *server = arg;
    connection c = {.server = server, .stream = stream, .first = true, .task = aio_task_current()};
    c.now = aio_loop_time(server->loop);
    c.output.pool = &server->pool;
    if (server->clients >= server->options.clients)
        return turn_away(&c);
    server->clients++;
    int rc = serve(&c);
    server->clients--;
    return rc;
}

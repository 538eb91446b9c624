/*
 * The table of responses, and the choice among them.  Whoever wants more pages,
 * or files, begins at http_site_find().
 */
#include "response.h"

#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *reason, *fields, *content;
} texts[HTTP_RESPONSES] = {
    {200, "OK", "", "Hello, world!\n"},
    {400, "Bad Request", "", "That is no request, or can be read in two ways.\n"},
    {404, "Not Found", "", "There is nothing here.\n"},
    {405, "Method Not Allowed", "Allow: GET, HEAD\r\n", "This can be read, and that is all.\n"},
    {408, "Request Timeout", "", "The request took too long to arrive.\n"},
    {413, "Content Too Large", "", "The request's content is too large.\n"},
    {414, "URI Too Long", "", "The request's first line is too long.\n"},
    {417, "Expectation Failed", "", "Only \"100-continue\" can be expected.\n"},
    {431, "Request Header Fields Too Large", "", "The request has too many fields.\n"},
    {501, "Not Implemented", "", "This method is not known here.\n"},
    {503, "Service Unavailable", "Retry-After: 1\r\n", "Too many clients; come back later.\n"},
    {505, "HTTP Version Not Supported", "", "This server speaks HTTP/1.1.\n"},
};

void http_site_init(struct http_site *site)
{
    for (size_t i = 0; i < HTTP_RESPONSES; i++) {
        struct http_response *response = &site->responses[i];
        response->status = texts[i].status;
        response->content = texts[i].content;
        response->content_size = strlen(texts[i].content);
        /* The longest is about 160 bytes. */
        response->head_size = (size_t)snprintf(
            response->head, sizeof response->head,
            "HTTP/1.1 %d %s\r\nServer: libaio\r\nContent-Type: text/plain\r\n"
            "Content-Length: %zu\r\n%s",
            texts[i].status, texts[i].reason, response->content_size, texts[i].fields);
    }
}

const struct http_response *http_site_status(const struct http_site *site, int status)
{
    for (size_t i = 0; i < HTTP_RESPONSES; i++)
        if (site->responses[i].status == status)
            return &site->responses[i];
    return http_site_status(site, 400);
}

/* The page at "/"; "*" means the whole server, of which there is no more. */
static bool is_front_page(const struct http_request *request, const char *head)
{
    return request->path_size == 0 ||
           (request->path_size == 1 && (head[request->path] == '/' || head[request->path] == '*'));
}

const struct http_response *http_site_find(const struct http_site *site,
                                           const struct http_request *request, const char *head)
{
    if (request->method == HTTP_UNKNOWN)
        return http_site_status(site, 501);
    if (!is_front_page(request, head) && request->method != HTTP_CONNECT)
        return http_site_status(site, 404);
    if (request->method != HTTP_GET && request->method != HTTP_HEAD)
        return http_site_status(site, 405);
    return &site->responses[0];
}

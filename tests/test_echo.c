/*
 * The real programs, echo_server, echo_client and http_server, as their users run
 * them: arguments, standard input and output, signals, exit status.
 *
 * They are looked for in $AIO_EXAMPLES, or the folder examples/ of where the test
 * runs; those whose calls can fail, for the sweep, in faulty/ there.  What is started
 * here dies by its own alarm if the test does; and the test of what kills a program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

#define BIG 1000000

/* ---- programs ---------------------------------------------------------------------------------
 */

struct program {
    pid_t pid;
    int output; /* what it prints */
};

/* Programs that are meant to complain do so unheard. */
static bool hushed;

static void become(char *const *arguments, int input, int output)
{
    char path[512];
    const char *folder = getenv("AIO_EXAMPLES");
    (void)snprintf(path, sizeof path, "%s/%s%s", folder != NULL ? folder : "examples",
                   test_sweeping() ? "faulty/" : "", arguments[0]);
    (void)dup2(input, STDIN_FILENO);
    (void)dup2(output, STDOUT_FILENO);
    if (hushed)
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    (void)signal(SIGINT, SIG_DFL);
    (void)alarm(60);
    test_hand_on_plan();
    (void)execv(path, arguments);
    (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
    abort();
}

static struct program start(int input, char *const *arguments)
{
    struct program program = {-1, -1};
    int ends[2];
    if (!check(pipe(ends) == 0))
        return program;
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    program.output = ends[0];
    program.pid = fork();
    if (program.pid == 0)
        become(arguments, input, ends[1]);
    (void)close(ends[1]);
    return program;
}

/* Such a crash is the test's own. */
static void share_fate(int status)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == crashes[i])
            (void)kill(getpid(), crashes[i]);
}

/* Returns its exit status; -1 if it was killed. */
static int end(struct program *program)
{
    int status = -1;
    if (program->output >= 0)
        (void)close(program->output);
    if (program->pid > 0)
        (void)waitpid(program->pid, &status, 0);
    share_fate(status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int stop_with(struct program *program, int signal)
{
    if (program->pid > 0)
        (void)kill(program->pid, signal);
    return end(program);
}

static size_t read_all(int fd, char *data, size_t size)
{
    size_t length = 0;
    ssize_t n = 1;
    while (n > 0 && length < size) {
        n = read(fd, data + length, size - length);
        length += n > 0 ? (size_t)n : 0;
    }
    return length;
}

static void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;
    while (length < size - 1 && read(fd, line + length, 1) == 1 && line[length] != '\n')
        length++;
    line[length] = '\0';
}

/* Starts a server on a free port, and returns which. */
static int start_server(struct program *program, char *name)
{
    char *const arguments[] = {name, "-p", "0", NULL};
    char line[200];
    *program = start(STDIN_FILENO, arguments);
    read_line(program->output, line, sizeof line);
    const char *colon = strrchr(line, ':');
    check(strstr(line, ": listening on ") != NULL);
    return colon != NULL ? atoi(colon + 1) : 0;
}

/* Runs echo_client to its end with what is there on `input`; returns its exit status. */
static int run_client(int input, char *const *arguments, char *output, size_t size,
                      size_t *out_length)
{
    struct program client = start(input, arguments);
    *out_length = read_all(client.output, output, size);
    return end(&client);
}

/* ---- sockets ----------------------------------------------------------------------------------
 */

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (check_int(connect(fd, (struct sockaddr *)&address, sizeof address), 0))
        return fd;
    (void)close(fd);
    return -1;
}

static char *make_pattern(size_t size)
{
    char *pattern = malloc(size);
    for (size_t i = 0; pattern != NULL && i < size; i++)
        pattern[i] = (char)(i * 7 + i / 251);
    return pattern;
}

/* To a socket or file; who has gone away kills nobody. */
static ssize_t put(int fd, const char *data, size_t size)
{
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    return n < 0 && errno == ENOTSOCK ? write(fd, data, size) : n;
}

static void write_all(int fd, const char *data, size_t size)
{
    ssize_t n = 1;
    for (size_t sent = 0; n > 0 && sent < size; sent += (size_t)n)
        n = put(fd, data + sent, size - sent);
    check(n > 0);
}

/* Reads to the end, and compares. */
static void expect_bytes(int fd, const char *expected, size_t size)
{
    char *data = malloc(size + 1);
    if (!check(data != NULL))
        return;
    check_int(read_all(fd, data, size + 1), size);
    check(memcmp(data, expected, size) == 0);
    free(data);
}

/* ---- echo -------------------------------------------------------------------------------------
 */

TEST(echo_server_ends_by_sigint_although_a_client_is_connected)
{
    struct program server;
    char byte;
    int client = dial(start_server(&server, "echo_server"));
    check_int(stop_with(&server, SIGINT), 0);
    check_int(read(client, &byte, 1), 0);
    (void)close(client);
}

TEST(echo_server_sends_all_back_to_a_client_that_has_ended_its_half)
{
    struct program server;
    char *pattern = make_pattern(BIG);
    int client = dial(start_server(&server, "echo_server"));
    pid_t writer = fork();
    if (writer == 0) {
        write_all(client, pattern, BIG);
        (void)shutdown(client, SHUT_WR);
        _exit(0);
    }
    expect_bytes(client, pattern, BIG);
    (void)waitpid(writer, NULL, 0);
    (void)close(client);
    check_int(stop_with(&server, SIGTERM), 0);
    free(pattern);
}

TEST(echo_server_finishes_with_its_clients_before_it_ends)
{
    struct program server;
    const size_t size = 100000;
    char *pattern = make_pattern(size);
    int client = dial(start_server(&server, "echo_server"));
    write_all(client, pattern, size);
    (void)kill(server.pid, SIGINT);
    (void)shutdown(client, SHUT_WR);
    expect_bytes(client, pattern, size);
    check_int(end(&server), 0);
    (void)close(client);
    free(pattern);
}

TEST(echo_client_prints_its_message_when_that_comes_back)
{
    struct program server;
    char port[16], output[100];
    size_t length;
    (void)snprintf(port, sizeof port, "%d", start_server(&server, "echo_server"));
    char *const arguments[] = {"echo_client", "-p", port, "hello", NULL};
    check_int(run_client(STDIN_FILENO, arguments, output, sizeof output, &length), 0);
    check_int(length, 6);
    check(memcmp(output, "hello\n", 6) == 0);
    check_int(stop_with(&server, SIGINT), 0);
}

TEST(echo_client_sends_a_file_that_is_its_input)
{
    struct program server;
    char port[16], name[] = "/tmp/aio-echo-XXXXXX";
    char *pattern = make_pattern(BIG);
    int file = mkstemp(name);
    (void)unlink(name);
    write_all(file, pattern, BIG);
    (void)lseek(file, 0, SEEK_SET);
    (void)snprintf(port, sizeof port, "%d", start_server(&server, "echo_server"));
    char *const arguments[] = {"echo_client", "-p", port, NULL};
    struct program client = start(file, arguments);
    expect_bytes(client.output, pattern, BIG);
    check_int(end(&client), 0);
    check_int(stop_with(&server, SIGINT), 0);
    (void)close(file);
    free(pattern);
}

TEST(echo_client_leaves_its_input_blocking_and_ends_by_sigint)
{
    struct program server;
    char port[16];
    int ends[2];
    (void)snprintf(port, sizeof port, "%d", start_server(&server, "echo_server"));
    char *const arguments[] = {"echo_client", "-p", port, NULL};
    check_int(pipe(ends), 0);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    struct program client = start(ends[0], arguments);
    char output[3] = "";
    write_all(ends[1], "abc", 3);
    check_int(read_all(client.output, output, 3), 3);
    check(memcmp(output, "abc", 3) == 0);
    check_int(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    check_int(stop_with(&client, SIGINT), 0);
    check_int(stop_with(&server, SIGINT), 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

TEST(echo_client_can_be_many_clients)
{
    struct program server;
    char port[16], output[200] = "", *clients = test_sweeping() ? "3" : "200";
    size_t length;
    (void)snprintf(port, sizeof port, "%d", start_server(&server, "echo_server"));
    char *const arguments[] = {"echo_client", "-p", port, "-n", "20", "-c", clients, NULL};
    check_int(run_client(STDIN_FILENO, arguments, output, sizeof output - 1, &length), 0);
    check_int(atoi(output), 20 * atoi(clients));
    check(strstr(output, " messages of 100 bytes in ") != NULL);
    check_int(stop_with(&server, SIGINT), 0);
}

TEST(echo_client_says_why_it_could_not_connect)
{
    hushed = true;
    char *const arguments[] = {"echo_client", "-p", "1", "hello", NULL};
    char output[100];
    size_t length;
    check_int(run_client(STDIN_FILENO, arguments, output, sizeof output, &length), 1);
    check_int(length, 0);
}

/* ---- http -------------------------------------------------------------------------------------
 */

static void expect_page(int client)
{
    char output[1000] = "";
    const char *request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    write_all(client, request, strlen(request));
    (void)read_all(client, output, sizeof output - 1);
    check(strncmp(output, "HTTP/1.1 200 OK\r\n", 17) == 0);
    check(strstr(output, "\r\n\r\nHello, world!\n") != NULL);
}

static void serve_until(int signal)
{
    struct program server;
    int port = start_server(&server, "http_server");
    int idle = dial(port), client = dial(port);
    char byte;
    expect_page(client);
    (void)close(client); /* or the server would linger */
    check_int(stop_with(&server, signal), 0);
    check_int(read(idle, &byte, 1), 0);
    (void)close(idle);
}

TEST(http_server_serves_until_sigint)
{
    serve_until(SIGINT);
}

TEST(http_server_serves_until_sigterm)
{
    serve_until(SIGTERM);
}

/* What another client gets afterwards says that the server has seen what this one has sent; the end
 * of an idle one, that it is stopping. */
TEST(http_server_finishes_a_request_that_has_begun)
{
    struct program server;
    int port = start_server(&server, "http_server");
    int client = dial(port), other = dial(port), idle = dial(port);
    char output[1000] = "";
    write_all(client, "GET / HTTP/1.1\r\n", 16);
    expect_page(other);
    (void)close(other);
    (void)kill(server.pid, SIGINT);
    check_int(read_all(idle, output, 1), 0);
    (void)close(idle);
    write_all(client, "Host: a\r\n\r\n", 11);
    (void)read_all(client, output, sizeof output - 1);
    check(strncmp(output, "HTTP/1.1 200 OK\r\n", 17) == 0);
    check(strstr(output, "\r\nConnection: close\r\n") != NULL);
    (void)close(client);
    check_int(end(&server), 0);
}

TEST(http_server_says_no_to_a_port_in_use)
{
    struct program server;
    char port[16], output[100];
    size_t length;
    int taken = start_server(&server, "http_server");
    (void)snprintf(port, sizeof port, "%d", taken);
    hushed = true;
    char *const arguments[] = {"http_server", "-p", port, NULL};
    if (taken != 0) {
        check_int(run_client(STDIN_FILENO, arguments, output, sizeof output, &length), 1);
        check_int(length, 0);
    }
    check_int(stop_with(&server, SIGINT), 0);
}

static void expect_usage(char *const *arguments)
{
    char output[100];
    size_t length;
    if (!check_int(run_client(STDIN_FILENO, arguments, output, sizeof output, &length), 2))
        (void)fprintf(stderr, "%s %s %s\n", arguments[0], arguments[1], arguments[2]);
    check_int(length, 0);
}

TEST(programs_tell_their_usage)
{
    char *const programs[] = {"echo_server", "echo_client", "http_server"};
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        char *const asked[] = {programs[i], "-h", NULL};
        char output[2000] = "";
        size_t length;
        check_int(run_client(STDIN_FILENO, asked, output, sizeof output - 1, &length), 0);
        check(strncmp(output, "usage: ", 7) == 0);
    }
}

TEST(programs_refuse_arguments_that_make_no_sense)
{
    static char *const wrong[][5] = {
        {"echo_server", "-?", NULL},
        {"echo_server", "-p", "8x", NULL},
        {"echo_server", "-p", "-1", NULL},
        {"echo_server", "-p", "65536", NULL},
        {"echo_server", "-p", "4294967296", NULL}, /* 0, if the upper half is lost */
        {"echo_server", "-p", "18446744073709551616", NULL},
        {"echo_server", "-p", "0", "word", NULL},
        {"echo_client", "-?", NULL},
        {"echo_client", "-p", "0", NULL},
        {"echo_client", "-p", "65536", NULL},
        {"echo_client", "-n", "18446744073709551617", NULL},
        {"echo_client", "one", "two", NULL},
        {"echo_client", "-n", "1", "word", NULL},
        {"http_server", "-?", NULL},
        {"http_server", "-p", "", NULL},
        {"http_server", "-p", "65536", NULL},
        {"http_server", "-c", "0", NULL},
        {"http_server", "-p", "0", "word", NULL},
    };
    hushed = true;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_usage(wrong[i]);
}

static void expect_announcement(char *name, char *address, const char *expected)
{
    char *const arguments[] = {name, "-a", address, "-p", "0", NULL};
    char line[200];
    struct program server = start(STDIN_FILENO, arguments);
    read_line(server.output, line, sizeof line);
    line[strcspn(line, "0123456789")] = '\0';
    check_string(line, expected);
    check_int(stop_with(&server, SIGTERM), 0);
}

TEST(servers_say_when_they_listen_on_every_address)
{
    expect_announcement("echo_server", "", "echo_server: listening on *:");
    expect_announcement("http_server", "", "http_server: listening on http://*:");
}

/*
 * The library in a C++ program: its headers, its initialisers, tasks made of
 * lambdas, destructors, and exceptions, of which each task has its own.
 *
 * It is no cmocka test, but a plain program: what fails is printed, and the exit
 * code is how much that was.
 */
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include <aio/asyncio.h>

static int failures;

static void expect(bool held, const char *text, int line)
{
    if (held)
        return;
    std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, line, text);
    failures++;
}

#define check(condition) expect((condition), #condition, __LINE__)

/* A share in a task, or a future, that is given back by itself. */
class Share {
public:
    explicit Share(aio_future *future) : future_(future) {}
    Share(const Share &other) : future_(aio_retain(other.future_)) {}
    Share &operator=(const Share &) = delete;
    ~Share() { aio_release(future_); }
    int await() const { return aio_await(future_); }
    aio_future *get() const { return future_; }

private:
    aio_future *future_;
};

/* Counts how many there are. */
struct Counted {
    static int alive;
    Counted() { alive++; }
    Counted(const Counted &) { alive++; }
    Counted &operator=(const Counted &) = default;
    ~Counted() { alive--; }
};
int Counted::alive;

static void tasks_are_made_of_lambdas()
{
    int x = 21;
    Share task(aio_spawn([](void *arg) { return *static_cast<int *>(arg) * 2; }, &x));
    check(task.await() == 42);
    Share again(task);
    check(again.await() == 42);
}

static void options_are_initialised()
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.name = "named";
    options.eager = true;
    Share task(aio_spawn_with(
        &options,
        [](void *) { return std::string("named") == aio_task_name(aio_task_current()) ? 1 : 0; },
        nullptr));
    check(aio_future_done(task.get()));
    check(task.await() == 1);
}

static void arguments_are_copied()
{
    struct arguments {
        int a, b;
    } arguments = {3, 4};
    aio_task *task = aio_spawn_copy(
        [](void *arg) {
            struct arguments *mine = static_cast<struct arguments *>(arg);
            return mine->a * mine->b;
        },
        &arguments, sizeof arguments);
    arguments.a = 0;
    check(aio_join(task) == 12);
}

static void handles_and_timeouts_are_initialised()
{
    aio_handle handle = AIO_HANDLE_INIT;
    bool called = false;
    check(aio_loop_call_soon(
              aio_loop_current(), &handle, [](void *arg) { *static_cast<bool *>(arg) = true; },
              &called) == 0);
    check(aio_yield() == 0);
    check(called);
    aio_timeout timeout = AIO_TIMEOUT_INIT;
    check(aio_timeout_begin(&timeout, AIO_MSEC(1)) == 0);
    check(aio_timeout_end(&timeout, aio_sleep(AIO_SEC(10))) == -ETIMEDOUT);
    {
        AIO_SCOPED(aio_timeout) scoped = AIO_TIMEOUT_INIT;
        check(aio_timeout_begin(&scoped, AIO_SEC(10)) == 0);
    }
    check(aio_yield() == 0);
}

/* Throws, waits while it handles that, throws from there, and rethrows. */
static int throw_and_wait(void *arg)
{
    const std::string mine = *static_cast<std::string *>(arg);
    Counted counted;
    int caught = 0;
    for (int i = 0; i < 10; i++) {
        try {
            throw std::runtime_error(mine);
        } catch (const std::exception &outer) {
            if (aio_yield() == 0 && mine == outer.what())
                caught++;
            try {
                throw std::logic_error(mine + mine);
            } catch (const std::logic_error &inner) {
                if (aio_yield() == 0 && mine + mine == inner.what())
                    caught++;
            }
            try {
                throw;
            } catch (const std::runtime_error &same) {
                if (mine == same.what())
                    caught++;
            }
        }
    }
    return caught;
}

static void each_task_has_its_own_exceptions()
{
    std::string names[] = {"one", "two", "three"};
    std::vector<Share> tasks;
    for (std::string &name : names)
        tasks.push_back(Share(aio_spawn(throw_and_wait, &name)));
    check(aio_yield() == 0);
    check(Counted::alive == 3);
    for (const Share &task : tasks)
        check(task.await() == 30);
    check(Counted::alive == 0);
}

static void a_cancelled_task_runs_its_destructors()
{
    aio_task *task = aio_spawn(
        [](void *) {
            Counted counted;
            return aio_sleep(AIO_SEC(100));
        },
        nullptr);
    check(aio_yield() == 0);
    check(Counted::alive == 1);
    check(aio_task_stop(task) == 0);
    check(Counted::alive == 0);
}

static void a_value_can_be_an_object()
{
    Share future(aio_future_new());
    check(aio_future_set_value(future.get(), new Counted,
                               [](void *value) { delete static_cast<Counted *>(value); }) == 0);
    check(aio_await(future.get()) == 0);
    check(Counted::alive == 1);
}

static int run_all(void *)
{
    tasks_are_made_of_lambdas();
    options_are_initialised();
    arguments_are_copied();
    handles_and_timeouts_are_initialised();
    each_task_has_its_own_exceptions();
    a_cancelled_task_runs_its_destructors();
    a_value_can_be_an_object();
    check(Counted::alive == 0);
    return 7;
}

int main()
{
    aio_options options = AIO_OPTIONS_INIT;
    options.handle_sigint = false;
    check(aio_run_with(&options, run_all, nullptr) == 7);
    check(std::string(aio_version()) == AIO_VERSION_STRING);
    if (failures == 0)
        std::puts("C++: all is well");
    return failures;
}

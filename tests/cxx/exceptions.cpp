// C++ tasks: an exception belongs to the task that threw it.
//
// A program of its own, without cmocka: it leaves with 0, or with 1 after a line
// for each thing that was wrong.  Each task waits inside a catch, while others
// throw and catch, and then throws its own again: without a record of exceptions
// for each stack it would be another's.
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include <aio/asyncio.h>

namespace {

int failures = 0;

void expect(bool held, const char *what)
{
    if (held)
        return;
    std::fprintf(stderr, "failed: %s\n", what);
    failures++;
}

constexpr int TASKS = 10;

std::string name_of(const void *number)
{
    return "exception " + std::to_string(*static_cast<const int *>(number));
}

int rethrow_after_yield(void *number)
{
    std::string caught;
    try {
        try {
            throw std::runtime_error(name_of(number));
        } catch (const std::exception &) {
            for (int i = 0; i < 3; i++)
                expect(aio_yield() == 0, "a yield inside a catch works");
            throw;
        }
    } catch (const std::exception &error) {
        caught = error.what();
    }
    expect(caught == name_of(number), "a task throws again what it caught, not another's");
    return 0;
}

// Waits while it is being unwound: the count of uncaught exceptions is its own.
struct yields_at_its_end {
    ~yields_at_its_end()
    {
        expect(std::uncaught_exceptions() == 1, "an exception in flight is counted before a yield");
        expect(aio_yield() == 0, "a yield in a destructor works");
        expect(std::uncaught_exceptions() == 1, "and after it");
    }
};

int yield_while_unwinding(void *number)
{
    expect(std::uncaught_exceptions() == 0, "a task begins without exceptions");
    try {
        yields_at_its_end guard;
        throw std::runtime_error(name_of(number));
    } catch (const std::exception &error) {
        expect(error.what() == name_of(number), "it is caught where it belongs");
    }
    expect(std::uncaught_exceptions() == 0, "and is over then");
    return 0;
}

int run_all(void *)
{
    int numbers[TASKS];
    aio_task *tasks[2 * TASKS];
    for (int i = 0; i < TASKS; i++) {
        numbers[i] = i;
        tasks[2 * i] = aio_spawn(rethrow_after_yield, &numbers[i]);
        tasks[2 * i + 1] = aio_spawn(yield_while_unwinding, &numbers[i]);
    }
    for (aio_task *task : tasks)
        expect(aio_join(task) == 0, "a task ends well");
    return 0;
}

} // namespace

int main()
{
    expect(aio_run(run_all, nullptr) == 0, "the program runs");
    return failures == 0 ? 0 : 1;
}

/*
 * 17_context: variables of which each task has its own value.
 *
 *     import asyncio, contextvars
 *
 *     user = contextvars.ContextVar("user", default="nobody")
 *
 *     def say(text):
 *         print(f"{user.get()}: {text}")
 *
 *     async def look_up():
 *         await asyncio.sleep(0)
 *         say("looked up")
 *
 *     async def serve(name):
 *         user.set(name)
 *         say("comes")
 *         await asyncio.create_task(look_up())
 *         say("goes")
 *
 *     async def main():
 *         token = user.set("root")
 *         say("opens")
 *         async with asyncio.TaskGroup() as group:
 *             group.create_task(serve("Ann"))
 *             group.create_task(serve("Bob"))
 *         say("closes")
 *         user.reset(token)
 *         say("is here")
 *
 *     asyncio.run(main())
 *
 * say() knows for whom it works, though nobody tells it and the tasks take turns: a task begins
 * with the values of whoever started it, and what it sets itself the others don't see.
 *
 * Output:
 *   root: opens
 *   Ann: comes
 *   Bob: comes
 *   Ann: looked up
 *   Bob: looked up
 *   Ann: goes
 *   Bob: goes
 *   root: closes
 *   nobody: is here
 */
#include <stdio.h>

#include <aio/asyncio.h>

static aio_context_var user = AIO_CONTEXT_VAR_INIT("nobody", NULL);

static void say(const char *text)
{
    printf("%s: %s\n", (const char *)aio_context_var_get(&user), text);
}

static int look_up(void *arg)
{
    (void)arg;
    int rc = aio_yield();
    if (rc == 0)
        say("looked up");
    return rc;
}

static int serve(void *name)
{
    int rc = aio_context_var_set(&user, name, NULL);
    if (rc < 0)
        return rc;
    say("comes");
    rc = aio_join(aio_spawn(look_up, NULL));
    if (rc == 0)
        say("goes");
    return rc;
}

static int serve_all(aio_group *group, void *arg)
{
    (void)arg;
    int rc = aio_group_spawn(group, serve, "Ann");
    return rc < 0 ? rc : aio_group_spawn(group, serve, "Bob");
}

static int program(void *arg)
{
    aio_context_token token;
    int rc = aio_context_var_set(&user, "root", &token);
    if (rc < 0)
        return rc;
    say("opens");
    rc = aio_group_run(serve_all, arg);
    if (rc == 0)
        say("closes");
    int reset = aio_context_var_reset(&user, &token);
    if (reset < 0)
        aio_context_token_release(&token);
    if (rc == 0 && reset == 0)
        say("is here");
    return rc < 0 ? rc : reset;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "context: %s\n", aio_strerror(rc));
    return rc < 0;
}

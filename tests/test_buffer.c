/*
 * Byte buffers: what is appended comes out again, in one piece, and storage is
 * held only while there are bytes.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "io/buffer.h"
#include "io/io.h"
#include "support/faults.h"
#include "support/test.h"

static aio__pool *open_chunks(void)
{
    aio__pool *chunks = aio__pool_open(AIO__CHUNK_SIZE);
    check(chunks != NULL);
    return chunks;
}

TEST(empty_buffer_has_no_storage_and_no_bytes)
{
    aio__buffer buffer = {0};
    check_int(aio__buffer_size(&buffer), 0);
    check(aio__buffer_data(&buffer) != NULL);
    check_int(aio__buffer_find(&buffer, 0, "\n", 1), SIZE_MAX);
}

TEST(buffer_gives_its_storage_back_with_the_last_byte)
{
    aio__buffer buffer = {0};
    aio__pool *chunks = open_chunks();
    if (chunks == NULL)
        return;
    if (check_int(aio__buffer_append(&buffer, chunks, "hello", 5), 0)) {
        check(buffer.storage != NULL);
        aio__buffer_consume(&buffer, chunks, 4);
        check_int(*aio__buffer_data(&buffer), 'o');
        aio__buffer_consume(&buffer, chunks, 1);
        check(buffer.storage == NULL);
        check_int(buffer.capacity, 0);
    }
    aio__buffer_clear(&buffer, chunks);
    aio__pool_close(chunks);
}

TEST(two_buffers_in_turn_use_the_same_chunk)
{
    aio__buffer one = {0}, other = {0};
    aio__pool *chunks = open_chunks();
    if (chunks == NULL)
        return;
    if (check_int(aio__buffer_append(&one, chunks, "x", 1), 0)) {
        char *storage = one.storage;
        aio__buffer_consume(&one, chunks, 1);
        if (check_int(aio__buffer_append(&other, chunks, "y", 1), 0))
            check(other.storage == storage);
    }
    aio__buffer_clear(&other, chunks);
    aio__pool_close(chunks);
}

/* Appends and takes pieces of changing sizes; every byte is a function of its position. */
TEST(buffer_keeps_every_byte_in_order_however_it_is_filled_and_emptied)
{
    aio__buffer buffer = {0};
    aio__pool *chunks = open_chunks();
    if (chunks == NULL)
        return;
    uint32_t seed = 1;
    size_t put = 0, got = 0;
    char piece[3000];
    bool intact = true;
    while (put < 2000000 && intact) {
        seed = seed * 1664525 + 1013904223;
        size_t size = seed >> 8 & 2047;
        for (size_t i = 0; i < size; i++)
            piece[i] = (char)((put + i) * 31 >> 3);
        if (aio__buffer_append(&buffer, chunks, piece, size) < 0)
            break;
        put += size;
        size_t take = seed >> 20 & 2047;
        if (take > aio__buffer_size(&buffer))
            take = aio__buffer_size(&buffer);
        for (size_t i = 0; i < take; i++)
            intact = intact && aio__buffer_data(&buffer)[i] == (char)((got + i) * 31 >> 3);
        aio__buffer_consume(&buffer, chunks, take);
        got += take;
    }
    check(intact);
    check_int(aio__buffer_size(&buffer), put - got);
    aio__buffer_clear(&buffer, chunks);
    aio__pool_close(chunks);
}

TEST(buffer_grows_beyond_a_chunk_and_back)
{
    static char big[100000];
    aio__buffer buffer = {0};
    aio__pool *chunks = open_chunks();
    if (chunks == NULL)
        return;
    memset(big, 'b', sizeof big);
    if (check_int(aio__buffer_append(&buffer, chunks, big, sizeof big), 0)) {
        check(buffer.capacity >= sizeof big);
        aio__buffer_consume(&buffer, chunks, sizeof big - 1);
        check_int(*aio__buffer_data(&buffer), 'b');
        aio__buffer_consume(&buffer, chunks, 1);
        check(buffer.storage == NULL);
    }
    aio__buffer_clear(&buffer, chunks);
    aio__pool_close(chunks);
}

TEST(buffer_without_memory_is_as_it_was)
{
    static char big[20000];
    aio__buffer buffer = {0};
    aio__pool *chunks = open_chunks();
    if (chunks == NULL)
        return;
    if (check_int(aio__buffer_append(&buffer, chunks, "abc", 3), 0)) {
        faults_fail("memory", 1, ENOMEM, FAULTS_ONCE);
        check_int(aio__buffer_append(&buffer, chunks, big, sizeof big), -ENOMEM);
        faults_clear();
        check_int(aio__buffer_size(&buffer), 3);
        check(memcmp(aio__buffer_data(&buffer), "abc", 3) == 0);
    }
    aio__buffer_clear(&buffer, chunks);
    aio__pool_close(chunks);
}

TEST(buffer_does_not_take_a_size_that_can_not_be)
{
    aio__buffer buffer = {0};
    aio__pool *chunks = open_chunks();
    if (chunks == NULL)
        return;
    check_int(aio__buffer_reserve(&buffer, chunks, SIZE_MAX - 3), -ENOMEM);
    check(buffer.storage == NULL);
    aio__pool_close(chunks);
}

TEST(find_finds_the_first_whole_pattern)
{
    aio__buffer buffer = {0};
    aio__pool *chunks = open_chunks();
    if (chunks == NULL)
        return;
    if (check_int(aio__buffer_append(&buffer, chunks, "\r\r\nab\r\n\r\n", 9), 0)) {
        check_int(aio__buffer_find(&buffer, 0, "\r\n", 2), 1);
        check_int(aio__buffer_find(&buffer, 2, "\r\n", 2), 5);
        check_int(aio__buffer_find(&buffer, 0, "\r\n\r\n", 4), 5);
        check_int(aio__buffer_find(&buffer, 6, "\r\n\r\n", 4), SIZE_MAX);
        check_int(aio__buffer_find(&buffer, 0, "\r\n\r\nx", 5), SIZE_MAX);
        check_int(aio__buffer_find(&buffer, 9, "\n", 1), SIZE_MAX);
    }
    aio__buffer_clear(&buffer, chunks);
    aio__pool_close(chunks);
}

/*
 * What Debian's libgcc asks glibc for when it unwinds, and musl does not have: where the unwind
 * table of the object is that holds an address.  Linked into the tests that are built with
 * musl-gcc, so that they can unwind; a system whose libgcc is made for musl needs nothing of the
 * kind.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stddef.h>
#include <stdint.h>

/* As libgcc has it compiled in. */
struct dl_find_object {
    unsigned long long flags;
    void *map_start, *map_end;
    struct link_map *link_map;
    void *eh_frame;
    unsigned long long reserved[7];
};

struct search {
    uintptr_t address;
    struct dl_find_object *result;
};

static int look(struct dl_phdr_info *object, size_t size, void *arg)
{
    struct search *search = arg;
    int found = 0;
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && search->address - start < segment->p_memsz) {
            search->result->map_start = (void *)start;
            search->result->map_end = (void *)(start + segment->p_memsz);
            found = 1;
        } else if (segment->p_type == PT_GNU_EH_FRAME) {
            search->result->eh_frame = (void *)start;
        }
    }
    return found;
}

int _dl_find_object(void *address, struct dl_find_object *result);

int _dl_find_object(void *address, struct dl_find_object *result)
{
    struct search search = {(uintptr_t)address, result};
    *result = (struct dl_find_object){0};
    return dl_iterate_phdr(look, &search) != 0 && result->eh_frame != NULL ? 0 : -1;
}

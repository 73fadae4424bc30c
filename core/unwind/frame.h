/*
 * What a walk carries from frame to frame: the registers, and the copy of the stack that it may
 * read.
 */
#ifndef PROFTOP_CORE_UNWIND_FRAME_H
#define PROFTOP_CORE_UNWIND_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* DWARF's numbers of the x86-64 registers. */
enum {
    DWARF_RAX = 0,
    DWARF_RDX = 1,
    DWARF_RCX = 2,
    DWARF_RBX = 3,
    DWARF_RSI = 4,
    DWARF_RDI = 5,
    DWARF_RBP = 6,
    DWARF_RSP = 7,
    DWARF_R8 = 8,
    DWARF_R12 = 12,
    DWARF_R15 = 15,
    DWARF_RIP = 16,
    FRAME_REGISTERS = 17,
};

/* Registers that are known in a frame that called: a call keeps these and no others. */
enum {
    FRAME_KEPT_BY_CALLS = 1 << DWARF_RBX | 1 << DWARF_RBP | 0xf << DWARF_R12,
    FRAME_POSITION = 1 << DWARF_RSP | 1 << DWARF_RIP,
    FRAME_ALL = (1 << FRAME_REGISTERS) - 1,
};

struct frame {
    uint64_t r[FRAME_REGISTERS]; /* 0 where not known */
    uint32_t known;              /* bit = register */
    bool is_exact; /* rip is the instruction itself: a leaf, or interrupted; else behind a call */
};

/* The copy of the stack. A frame may read at or above its own rsp only. */
struct stack_view {
    const uint8_t *bytes;
    uint64_t start, end; /* addresses */
    uint64_t floor;      /* rsp of the frame that reads */
    uint64_t read_end;   /* end of the highest word that was read so far */
    bool asked_below;    /* something below the floor was asked for */
    bool asked_beyond;   /* something not far above the copy was asked for */
    uint64_t hijack;     /* a return address that stands for others; 0: none does */
};

/* Reads a word of the stack; false outside of what may be read. Context: any thread. */
static inline bool stack_view_read(struct stack_view *view, uint64_t address, uint64_t *ret_word)
{
    static const uint64_t FAR_BYTES = 256 << 20; /* no frame is so large: the address is garbage */
    if (address < view->floor || address < view->start) {
        view->asked_below = true;
        return false;
    }
    if (address >= view->end || view->end - address < sizeof(*ret_word)) {
        view->asked_beyond |= address < view->end || address - view->end < FAR_BYTES;
        return false;
    }
    memcpy(ret_word, view->bytes + (address - view->start), sizeof(*ret_word));
    if (address + sizeof(*ret_word) > view->read_end)
        view->read_end = address + sizeof(*ret_word);
    return true;
}

/* Whether a return address stands for another one. Context: any thread. */
static inline bool stack_view_is_hijacked(const struct stack_view *view, uint64_t address)
{
    return address == view->hijack && address != 0;
}

#endif

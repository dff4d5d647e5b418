// ISA-L as Swift sees it: the library's own headers, and functions for two arrays of its inflate
// state that are too long to be imported. No logic.
#ifndef CISAL_SHIM_H
#define CISAL_SHIM_H

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

// The bytes of a block header that is not complete yet; tmp_in_size of them.
static inline const uint8_t *cisal_header_bytes(const struct inflate_state *state) {
  return state->tmp_in_buffer;
}

// Decoded bytes that found no room yet; tmp_out_valid - tmp_out_processed of them.
static inline const uint8_t *cisal_waiting_bytes(const struct inflate_state *state) {
  return state->tmp_out_buffer + state->tmp_out_processed;
}

#endif

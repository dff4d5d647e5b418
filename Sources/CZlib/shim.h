// zlib as Swift sees it: the library's own header, and functions for its macros. No logic.
#ifndef CZLIB_SHIM_H
#define CZLIB_SHIM_H

#define ZLIB_CONST  // next_in points to const bytes
#include <zlib.h>

static inline int czlib_inflateInit2(z_streamp stream, int windowBits) {
  return inflateInit2(stream, windowBits);
}

static inline int czlib_deflateInit2(z_streamp stream, int level, int windowBits, int memLevel,
                                     int strategy) {
  return deflateInit2(stream, level, Z_DEFLATED, windowBits, memLevel, strategy);
}

#endif

// libfuse's low-level API and the kernel's FUSE message layouts, for FuseServer. Knows only what
// Swift cannot import: macros, calls that glibc declares for _GNU_SOURCE only, which Swift's Glibc
// module is built without, and those on extended attributes, which it lacks. Source: fuse_lowlevel.h, fuse_opt.h, linux/fuse.h.

#ifndef CFUSE3_SHIM_H
#define CFUSE3_SHIM_H

// The newest API that libfuse 3.14 (Debian 12) has.
#define FUSE_USE_VERSION 312

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/xattr.h>

extern int dup3(int, int, int);
extern int pipe2(int[2], int);
extern int pthread_setname_np(pthread_t, const char *);

// Creates a session that is given no mount options: whoever calls this does the mounting.
// From libfuse 3.17 on `fuse_session_new` is a macro over an inline function.
static inline struct fuse_session *cfuse3_session_new(
    const struct fuse_lowlevel_ops *operations, void *userdata) {
  char name[] = "fuse";
  char *arguments[] = {name, NULL};
  struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
  struct fuse_session *session =
      fuse_session_new(&args, operations, sizeof(*operations), userdata);
  fuse_opt_free_args(&args);
  return session;
}

// dup(2), to a number that is in use, without a moment in which a child could inherit it.
static inline int cfuse3_replace_descriptor(int with, int number) {
  return dup3(with, number, O_CLOEXEC);
}

// pipe(2), close-on-exec.
static inline int cfuse3_pipe(int ends[2]) {
  return pipe2(ends, O_CLOEXEC);
}

// Names the calling thread; the name is cut to the kernel's 15 bytes by whoever calls.
static inline void cfuse3_name_thread(const char *name) {
  pthread_setname_np(pthread_self(), name);
}

#endif

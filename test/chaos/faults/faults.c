/*
 * A disk that fails on demand, between a process and its file system: preloaded into a broker that is being tested.
 *
 * CHAOS_ROOT     only files below this folder are looked at
 * CHAOS_CONTROL  a file of `struct control`, mapped here and written by the test while the process runs
 * CHAOS_JOURNAL  what reached the disk is written here, one line each, so that a power cut can be played afterwards:
 *                C path          the file was created
 *                S size path     a sync ended well; it covers the first `size` bytes
 *                F size path     a sync failed: no byte of the file above what was synced may be trusted any more
 *                T size path     the file was cut or extended to `size`
 *                D path          the folder was synced, so the names in it are safe
 *                R from<TAB>to   a rename; O from<TAB>to one that replaced a file
 *                U path          the file was removed
 *
 * The calls are those that Node's libuv makes (pwrite64, pwritev, fdatasync, ...), and those of LMDB (writev, lseek).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Operations, as bits; and what happens to one. The test's side of this is in fault-library.ts. */
enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, RENAME = 8, UNLINK = 16, CREATE = 32, SYNC_FOLDER = 64 };
enum { NONE = 0, FAIL = 1, SHORT = 2, TORN = 3, KILL_BEFORE = 4, KILL_AFTER = 5, DELAY = 6 };

struct control {
  volatile int32_t operations; /* which are struck: 0 none */
  volatile int32_t action;
  volatile int32_t countdown; /* strikes the n-th from now on; 1 is the next */
  volatile int32_t repeats;   /* how often after that */
  volatile int32_t argument;  /* errno, or milliseconds of delay */
  volatile int32_t struck;    /* how often it did */
  char suffix[64];            /* of the file's path; empty for all */
};

static struct control *control;
static int journal = -1;
static char root[4096];
static size_t root_length;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
  static __typeof__(name) *real; \
  if (real == NULL) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *at = getenv("CHAOS_ROOT"), *mapped = getenv("CHAOS_CONTROL"), *log = getenv("CHAOS_JOURNAL");
  if (at == NULL || realpath(at, root) == NULL) return;
  root_length = strlen(root);
  if (mapped != NULL) {
    int fd = open(mapped, O_RDWR);
    if (fd >= 0) {
      void *memory = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (memory != MAP_FAILED) control = memory;
      close(fd);
    }
  }
  if (log != NULL) journal = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int is_ours(const char *path) {
  return root_length > 0 && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

/* The path of an open file below the root; 0 for all others. */
static int path_of(int fd, char *path, size_t size) {
  char link[64];
  if (root_length == 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_ours(path);
}

static void note(const char *format, ...) {
  char line[9000];
  va_list list;
  if (journal < 0) return;
  va_start(list, format);
  int length = vsnprintf(line, sizeof line, format, list);
  va_end(list);
  REAL(write);
  int saved = errno;
  if (length > 0 && real(journal, line, (size_t)length) < 0) abort();
  errno = saved;
}

/* What happens to this call: NONE, or the action of the test. */
static int struck(int operation, const char *path) {
  int action = NONE;
  if (control == NULL || (control->operations & operation) == 0) return NONE;
  size_t length = strlen(path), suffix = strnlen(control->suffix, sizeof control->suffix);
  if (suffix > length || strncmp(path + length - suffix, control->suffix, suffix) != 0) return NONE;
  pthread_mutex_lock(&lock);
  if (control->countdown > 1) control->countdown--;
  else if (control->repeats > 0) {
    control->repeats--;
    control->struck++;
    action = control->action;
  }
  pthread_mutex_unlock(&lock);
  if (action == KILL_BEFORE) kill(getpid(), SIGKILL);
  if (action == DELAY) {
    struct timespec pause = {control->argument / 1000, (control->argument % 1000) * 1000000L};
    nanosleep(&pause, NULL);
  }
  return action;
}

static void after(int action) {
  if (action == KILL_AFTER) kill(getpid(), SIGKILL);
}

static int failed(void) {
  errno = control->argument;
  return -1;
}

/*
 * Writes. SHORT: a half of it; TORN: a half of it, then the end. After a short write libuv writes the rest by itself, and
 * reports the short one only if that fails: so the next call fails, once.
 */
static volatile int rest_fails_at = -1;

static int rest_fails(int fd) {
  if (rest_fails_at != fd) return 0;
  rest_fails_at = -1;
  errno = ENOSPC;
  return 1;
}

ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset) {
  REAL(pwrite64);
  char path[4096];
  if (rest_fails(fd)) return -1;
  int action = path_of(fd, path, sizeof path) ? struck(WRITE, path) : NONE;
  if (action == FAIL) return failed();
  if ((action == SHORT || action == TORN) && count > 1) {
    ssize_t written = real(fd, buffer, count / 2, offset);
    if (action == TORN) kill(getpid(), SIGKILL);
    rest_fails_at = fd;
    return written;
  }
  ssize_t written = real(fd, buffer, count, offset);
  after(action);
  return written;
}

ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset) { return pwrite64(fd, buffer, count, offset); }

static ssize_t half_of(int fd, const struct iovec *parts, int count, off64_t offset) {
  REAL(pwrite64);
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  size_t left = total / 2, done = 0;
  for (int i = 0; i < count && left > 0; i++) {
    size_t length = parts[i].iov_len < left ? parts[i].iov_len : left;
    ssize_t written = real(fd, parts[i].iov_base, length, offset + (off64_t)done);
    if (written < 0) return done > 0 ? (ssize_t)done : -1;
    done += (size_t)written;
    left -= (size_t)written;
  }
  return (ssize_t)done;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  REAL(pwritev64);
  char path[4096];
  if (rest_fails(fd)) return -1;
  int action = path_of(fd, path, sizeof path) ? struck(WRITE, path) : NONE;
  if (action == FAIL) return failed();
  if (action == SHORT || action == TORN) {
    ssize_t written = half_of(fd, parts, count, offset);
    if (action == TORN) kill(getpid(), SIGKILL);
    rest_fails_at = fd;
    if (written > 0) return written;
  }
  ssize_t written = real(fd, parts, count, offset);
  after(action);
  return written;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

ssize_t write(int fd, const void *buffer, size_t count) {
  REAL(write);
  char path[4096];
  int action = fd > 2 && path_of(fd, path, sizeof path) ? struck(WRITE, path) : NONE;
  if (action == FAIL) return failed();
  if (action == TORN && count > 1) {
    ssize_t written = real(fd, buffer, count / 2);
    kill(getpid(), SIGKILL);
    return written;
  }
  ssize_t written = real(fd, buffer, count);
  after(action);
  return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  char path[4096];
  int action = fd > 2 && path_of(fd, path, sizeof path) ? struck(WRITE, path) : NONE;
  if (action == FAIL) return failed();
  if (action == TORN) {
    /* Positioned by lseek: the first half at the current position. */
    REAL(lseek64);
    half_of(fd, parts, count, real(fd, 0, SEEK_CUR));
    kill(getpid(), SIGKILL);
  }
  ssize_t written = real(fd, parts, count);
  after(action);
  return written;
}

/* Syncs. What is on the disk is what the file held when the sync began. */

static int synced(int fd, int (*sync)(int)) {
  char path[4096];
  struct stat before;
  if (!path_of(fd, path, sizeof path) || fstat(fd, &before) != 0) return sync(fd);
  int is_folder = S_ISDIR(before.st_mode);
  int action = struck(is_folder ? SYNC_FOLDER : SYNC, path);
  if (action == FAIL) {
    if (!is_folder) note("F %lld %s\n", (long long)before.st_size, path);
    return failed();
  }
  int result = sync(fd);
  if (result == 0) {
    if (is_folder) note("D %s\n", path);
    else note("S %lld %s\n", (long long)before.st_size, path);
  }
  after(action);
  return result;
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return synced(fd, real);
}

int fsync(int fd) {
  REAL(fsync);
  return synced(fd, real);
}

int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  char path[4096];
  int ours = path_of(fd, path, sizeof path), action = ours ? struck(TRUNCATE, path) : NONE;
  if (action == FAIL) return failed();
  int result = real(fd, length);
  if (result == 0 && ours) note("T %lld %s\n", (long long)length, path);
  after(action);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* Names. */

int rename(const char *from, const char *to) {
  REAL(rename);
  int ours = is_ours(to), action = ours ? struck(RENAME, to) : NONE;
  if (action == FAIL) return failed();
  char kind = ours && access(to, F_OK) == 0 ? 'O' : 'R';
  int result = real(from, to);
  if (result == 0 && ours) note("%c %s\t%s\n", kind, from, to);
  after(action);
  return result;
}

int unlink(const char *path) {
  REAL(unlink);
  int ours = is_ours(path), action = ours ? struck(UNLINK, path) : NONE;
  if (action == FAIL) return failed();
  int result = real(path);
  if (result == 0 && ours) note("U %s\n", path);
  after(action);
  return result;
}

static int opened(const char *path, int flags, mode_t mode, int (*real)(const char *, int, ...)) {
  int creates = (flags & O_CREAT) != 0 && is_ours(path) && access(path, F_OK) != 0;
  int action = creates ? struck(CREATE, path) : NONE;
  if (action == FAIL) return failed();
  int fd = real(path, flags, mode);
  if (creates && fd >= 0) note("C %s\n", path);
  /* Emptied: nothing of it is on the disk for certain, until the next sync. */
  if (fd >= 0 && (flags & O_TRUNC) != 0 && is_ours(path)) note("T 0 %s\n", path);
  after(action);
  return fd;
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    static int (*real)(const char *, int, ...); \
    if (real == NULL) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
    mode_t mode = 0; \
    if ((flags & (O_CREAT | __O_TMPFILE)) != 0) { \
      va_list list; \
      va_start(list, flags); \
      mode = (mode_t)va_arg(list, int); \
      va_end(list); \
    } \
    return opened(path, flags, mode, real); \
  }

OPEN(open)
OPEN(open64)

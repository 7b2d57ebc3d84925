/*
 * What emscripten's C library lacks or answers by itself: processes, mappings, semaphores, System V segments, users, dynamic linking.
 * System calls are imports (pocket_*) that return a negated errno. fork(2) is pocket_fork: see there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <malloc.h>
#include <pwd.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

#define IMPORT(name) __attribute__((import_module("env"), import_name(name)))

static long
result(long r)
{
	if (r < 0 && r > -4096)
	{
		errno = -r;
		return -1;
	}
	return r;
}

/* ---- clocks: in nanoseconds. Older versions of emscripten's library have milliseconds in a double, newer ones leave this to musl. ---- */

int
__clock_gettime(clockid_t clock, struct timespec *now)
{
	__wasi_timestamp_t nanoseconds;
	int			error = __wasi_clock_time_get(clock, 1, &nanoseconds);

	if (error)
		return result(-error);
	now->tv_sec = nanoseconds / 1000000000;
	now->tv_nsec = nanoseconds % 1000000000;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) __attribute__((alias("__clock_gettime")));

IMPORT("emscripten_get_now_res") double sys_clock_resolution(void);

int
clock_getres(clockid_t clock, struct timespec *resolution)
{
	if (resolution)
		*resolution = (struct timespec) {0, sys_clock_resolution()};
	return 0;
}

/* ---- processes ---- */

IMPORT("pocket_getpid") int sys_getpid(void);
IMPORT("pocket_getppid") int sys_getppid(void);
IMPORT("pocket_kill") int sys_kill(int pid, int sig);
IMPORT("pocket_waitpid") int sys_waitpid(int pid, int *status, int options);
IMPORT("pocket_nanosleep") int sys_nanosleep(int64_t seconds, int nanoseconds);
/* A command line's process gets this environment. */
IMPORT("pocket_system") int sys_system(const char *command, char **environment);

pid_t getpid(void) { return sys_getpid(); }
pid_t getppid(void) { return sys_getppid(); }
int kill(pid_t pid, int sig) { return result(sys_kill(pid, sig)); }
pid_t waitpid(pid_t pid, int *status, int options) { return result(sys_waitpid(pid, status, options)); }

/* What is left of an interrupted sleep is not known; its callers sleep again for as long as they want. */
int
nanosleep(const struct timespec *request, struct timespec *left)
{
	int			r = result(sys_nanosleep(request->tv_sec, request->tv_nsec));

	if (r && left)
		memset(left, 0, sizeof *left);
	return r;
}

int system(const char *command) { return result(sys_system(command, environ)); }

/*
 * fork(2). A WebAssembly function cannot return twice, so a program that forks says beforehand (pocket_fork_from) which function of the
 * program the child is to call again, with the same argument. The import copies this process' memory and starts a process whose thread
 * calls entry(argument) on a stack below the caller's; the child runs into the same fork() once more, which then returns 0.
 * It returns the child's pid or a negated errno.
 */
IMPORT("pocket_fork") int sys_fork(void (*entry) (void *), void *argument);

static void (*fork_again) (void *);
static void *fork_argument;
static int in_child;

static void
forked(void *argument)
{
	in_child = 1;
	fork_again(argument);
	abort();					/* the child's function exits */
}

void
pocket_fork_from(void (*again) (void *), void *argument)
{
	fork_again = again;
	fork_argument = argument;
}

pid_t
fork(void)
{
	if (in_child)
	{
		in_child = 0;
		fork_again = NULL;
		return 0;
	}
	if (!fork_again)
	{
		errno = ENOSYS;
		return -1;
	}
	return result(sys_fork(forked, fork_argument));
}

/* ---- commands with a pipe ---- */

/*
 * Starts a command line as a child process, as `sh -c` would, with a pipe on its standard output (for reading) or input. Returns the
 * descriptor of this process' end or a negated errno; the child's pid is for waitpid. The child has none of this process' other pipes.
 */
IMPORT("pocket_popen") int sys_popen(const char *command, int for_reading, int *pid, char **environment);

typedef struct command
{
	struct command *next;
	FILE	   *stream;
	pid_t		pid;
} command;
static command *commands;

static int
wait_for(pid_t pid)
{
	int			status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

FILE *
popen(const char *line, const char *mode)
{
	command    *c;
	int			fd;

	if (*mode != 'r' && *mode != 'w')
	{
		errno = EINVAL;
		return NULL;
	}
	c = malloc(sizeof *c);
	if (!c)
		return NULL;
	fd = result(sys_popen(line, *mode == 'r', &c->pid, environ));
	if (fd < 0)
	{
		free(c);
		return NULL;
	}
	c->stream = fdopen(fd, mode);
	if (!c->stream)
	{
		close(fd);
		wait_for(c->pid);
		free(c);
		errno = ENOMEM;
		return NULL;
	}
	c->next = commands;
	commands = c;
	return c->stream;
}

int
pclose(FILE *stream)
{
	for (command **at = &commands; *at; at = &(*at)->next)
	{
		command    *c = *at;
		pid_t		pid = c->pid;

		if (c->stream != stream)
			continue;
		*at = c->next;
		free(c);
		fclose(stream);			/* what it cannot write the command does not get, and says so in its status */
		return wait_for(pid);
	}
	errno = ECHILD;
	return -1;
}

/* ---- random numbers ---- */

__attribute__((import_module("wasi_snapshot_preview1"), import_name("random_get"))) int sys_random_get(void *buffer, size_t size);

int
getentropy(void *buffer, size_t size)
{
	errno = size > 256 ? EIO : sys_random_get(buffer, size);
	return errno ? -1 : 0;
}

/* ---- mappings ---- */

IMPORT("pocket_mmap") void *sys_mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset);
IMPORT("pocket_munmap") int sys_munmap(void *address, size_t length);

void *
mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	return (void *) result((long) sys_mmap(address, length, protection, flags, fd, offset));
}

int munmap(void *address, size_t length) { return result(sys_munmap(address, length)); }
void *__mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) __attribute__((alias("mmap")));
int __munmap(void *address, size_t length) __attribute__((alias("munmap")));

/* ---- the heap ---- */

#define DISCARDED_AT_LEAST 65536
#define GROWS_IN_PLACE 65536

IMPORT("pocket_discard") void sys_discard(void *start, size_t length);

/* dlmalloc's, with MALLOC_INSPECT_ALL: calls for each part of the heap; of one that is not used, without what the allocator keeps in it. */
void malloc_inspect_all(void (*handler) (void *start, void *end, size_t used, void *argument), void *argument);

static void
discard_unused(void *start, void *end, size_t used, void *argument)
{
	size_t		length = (char *) end - (char *) start;

	if (!used && length >= DISCARDED_AT_LEAST)
		sys_discard(start, length);
}

/* As glibc's: what is free inside the heap takes no memory of the host's until it is used again. Called by the host when a process has waited for a while. */
int
malloc_trim(size_t pad)
{
	malloc_inspect_all(discard_unused, NULL);
	return 1;
}

/* dlmalloc's own; by these names also because the compiler removes a malloc whose memory is freed unused. */
void *__libc_malloc(size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

/* A large part at the heap's end grows where it is. dlmalloc does so only if the rest of the heap suffices, and would else copy: an array that doubles up to
 * 24 MB, as of a sort, touched 50. */
void *
realloc(void *memory, size_t size)
{
	size_t		had;

	if (memory && size >= GROWS_IN_PLACE && size > (had = malloc_usable_size(memory)))
		__libc_free(__libc_malloc(size - had));
	return __libc_realloc(memory, size);
}

/* ---- POSIX semaphores: a futex in shared memory, no call of the host when uncontended ---- */

typedef struct
{
	_Atomic int value;
	_Atomic int waiters;
} semaphore;

_Static_assert(sizeof(semaphore) <= sizeof(sem_t), "a semaphore fits in sem_t");

int
sem_init(sem_t *s, int shared, unsigned value)
{
	semaphore  *p = (semaphore *) s;

	p->value = value;
	p->waiters = 0;
	return 0;
}

int sem_destroy(sem_t *s) { return 0; }

int
sem_trywait(sem_t *s)
{
	semaphore  *p = (semaphore *) s;
	int			v = p->value;

	while (v > 0)
		if (__c11_atomic_compare_exchange_weak(&p->value, &v, v - 1, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return 0;
	errno = EAGAIN;
	return -1;
}

int
sem_wait(sem_t *s)
{
	semaphore  *p = (semaphore *) s;

	while (sem_trywait(s) != 0)
	{
		/* Read-modify-writes are full barriers: either sem_post sees the waiter, or the wait sees the value. */
		__c11_atomic_fetch_add(&p->waiters, 1, __ATOMIC_SEQ_CST);
		__builtin_wasm_memory_atomic_wait32((int *) &p->value, 0, -1);
		__c11_atomic_fetch_sub(&p->waiters, 1, __ATOMIC_SEQ_CST);
	}
	return 0;
}

int
sem_post(sem_t *s)
{
	semaphore  *p = (semaphore *) s;

	__c11_atomic_fetch_add(&p->value, 1, __ATOMIC_SEQ_CST);
	if (p->waiters)
		__builtin_wasm_memory_atomic_notify((int *) &p->value, 1);
	return 0;
}

/* ---- System V shared memory: PostgreSQL's interlock segment; a mapping that fork inherits ---- */

/* Attached as soon as they are there, and until IPC_RMID, before which their one user has detached them. */
static struct
{
	void	   *address;			/* NULL: free */
	size_t		size;
}			segments[4];
#define SEGMENTS ((int) (sizeof segments / sizeof segments[0]))

int
shmget(key_t key, size_t size, int flags)
{
	void	   *p;
	int			id = 0;

	if (!(flags & IPC_CREAT))
	{
		errno = ENOENT;
		return -1;
	}
	while (id < SEGMENTS && segments[id].address)
		id++;
	if (id == SEGMENTS)
	{
		errno = ENOSPC;
		return -1;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	segments[id].address = p;
	segments[id].size = size;
	return id + 1;
}

static int
known(int id)
{
	if (id >= 1 && id <= SEGMENTS && segments[id - 1].address)
		return 1;
	errno = EINVAL;
	return 0;
}

void *shmat(int id, const void *address, int flags) { return known(id) ? segments[id - 1].address : (void *) -1; }
int shmdt(const void *address) { return 0; }

int
shmctl(int id, int command, struct shmid_ds *status)
{
	if (!known(id))
		return -1;
	if (command == IPC_STAT)
	{
		memset(status, 0, sizeof *status);
		status->shm_segsz = segments[id - 1].size;
	}
	else if (command == IPC_RMID)
	{
		munmap(segments[id - 1].address, segments[id - 1].size);
		segments[id - 1].address = NULL;
	}
	return 0;
}

/* ---- users: the host's; the name of the user that this process runs as is the kernel's to say ---- */

/* 0, or a negated errno */
IMPORT("pocket_user_name") int sys_user_name(uid_t uid, char *name, size_t size);

static int
find_user(uid_t uid, struct passwd *to, char *buffer, size_t size)
{
	int			own = uid == getuid();
	char	   *home = own ? getenv("HOME") : NULL;

	*to = (struct passwd) {buffer, "x", uid, own ? getgid() : uid, buffer, home && *home ? home : "/", "/bin/sh"};
	return -sys_user_name(uid, buffer, size);
}

struct passwd *
getpwuid(uid_t uid)
{
	static struct passwd user;
	static char name[256];
	int			error = find_user(uid, &user, name, sizeof name);

	errno = error == ENOENT ? 0 : error;
	return error ? NULL : &user;
}

/* Of names only the own one is known. */
struct passwd *
getpwnam(const char *name)
{
	struct passwd *user = getpwuid(getuid());

	return user && strcmp(name, user->pw_name) == 0 ? user : NULL;
}

int
getpwuid_r(uid_t uid, struct passwd *to, char *buffer, size_t size, struct passwd **found)
{
	int			error = find_user(uid, to, buffer, size);

	*found = error ? NULL : to;
	return error == ENOENT ? 0 : error;
}

int
getpwnam_r(const char *name, struct passwd *to, char *buffer, size_t size, struct passwd **found)
{
	int			error = getpwuid_r(getuid(), to, buffer, size, found);

	if (*found && strcmp(name, to->pw_name) != 0)
		*found = NULL;
	return error;
}

struct group *getgrgid(gid_t gid) { return NULL; }
struct group *getgrnam(const char *name) { return NULL; }

int
getgrnam_r(const char *name, struct group *to, char *buffer, size_t size, struct group **found)
{
	*found = NULL;
	return 0;
}

/* ---- what no process of this system can do ---- */

int execve(const char *path, char *const arguments[], char *const environment[]) { errno = ENOSYS; return -1; }

/* ---- dynamic linking: the host's ---- */

/* Emscripten's struct dso as the kernel knows it: the file's name at +36. */
IMPORT("_dlopen_js") void *sys_dlopen(void *handle);
IMPORT("_dlsym_js") void *sys_dlsym(void *handle, const char *name, int *index);

void *
dlopen(const char *file, int flags)
{
	char	   *handle = calloc(1, 128 + strlen(file));

	if (!handle)
		return NULL;
	strcpy(handle + 36, file);
	if (!sys_dlopen(handle))
	{
		free(handle);
		return NULL;
	}
	return handle;
}

void *
dlsym(void *handle, const char *name)
{
	int			index = 0;

	return sys_dlsym(handle, name, &index);
}

int dlclose(void *handle) { return 0; }

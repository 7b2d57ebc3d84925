/*
 * The postmaster's fork, for the server program only. The linker's --wrap puts __wrap_postmaster_child_launch in place of PostgreSQL's
 * function of that name; the child calls PostgreSQL's own function again with the same arguments (they and all they point to are in the
 * copied memory) and takes its branch of fork_process() == 0. See pocket_fork_from in port.c.
 */
#include "postgres.h"
#include "libpq/libpq-be.h"
#include "postmaster/postmaster.h"

extern void pocket_fork_from(void (*again) (void *), void *argument);
extern pid_t __real_postmaster_child_launch(BackendType child_type, int child_slot, void *startup_data, size_t startup_data_len,
											ClientSocket *client_sock);
extern pid_t __wrap_postmaster_child_launch(BackendType child_type, int child_slot, void *startup_data, size_t startup_data_len,
											ClientSocket *client_sock);

typedef struct
{
	BackendType child_type;
	int			child_slot;
	void	   *startup_data;
	size_t		startup_data_len;
	ClientSocket *client_sock;
} ChildArguments;

static void
launch_again(void *argument)
{
	ChildArguments *a = argument;

	__real_postmaster_child_launch(a->child_type, a->child_slot, a->startup_data, a->startup_data_len, a->client_sock);
}

pid_t
__wrap_postmaster_child_launch(BackendType child_type, int child_slot, void *startup_data, size_t startup_data_len,
							   ClientSocket *client_sock)
{
	ChildArguments a = {child_type, child_slot, startup_data, startup_data_len, client_sock};
	pid_t		pid;

	pocket_fork_from(launch_again, &a);
	pid = __real_postmaster_child_launch(child_type, child_slot, startup_data, startup_data_len, client_sock);
	pocket_fork_from(NULL, NULL);
	return pid;
}

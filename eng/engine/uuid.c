/* RFC 9562 UUIDs of versions 1 and 4, by libuuid's names. The node of version 1 is random with the multicast bit set, as the RFC asks of a
   machine without a network address; the clock sequence is random once a process. */
#include "uuid.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* 100 ns from 1582-10-15, where a UUID's time begins, to 1970 */
#define EPOCH_OFFSET UINT64_C(0x01B21DD213814000)

static void
stamp(uuid_t u, int version)
{
	u[6] = (u[6] & 0x0f) | version << 4;
	u[8] = (u[8] & 0x3f) | 0x80;
}

void uuid_clear(uuid_t u) { memset(u, 0, 16); }

void
uuid_generate_random(uuid_t u)
{
	getentropy(u, 16);
	stamp(u, 4);
}

/* What configure looks for */
void uuid_generate(uuid_t u) { uuid_generate_random(u); }

void
uuid_generate_time(uuid_t u)
{
	static unsigned char fixed[8];	/* clock sequence and node */
	static pid_t owner;				/* a forked process has its own */
	static uint64_t last;
	struct timespec now;
	uint64_t	t;

	if (owner != getpid())
	{
		getentropy(fixed, sizeof fixed);
		fixed[2] |= 1;
		owner = getpid();
	}
	clock_gettime(CLOCK_REALTIME, &now);
	t = (uint64_t) now.tv_sec * 10000000 + now.tv_nsec / 100 + EPOCH_OFFSET;
	if (t <= last)
		t = last + 1;
	last = t;
	for (int i = 0; i < 4; i++)
		u[i] = t >> (24 - 8 * i);
	u[4] = t >> 40;
	u[5] = t >> 32;
	u[6] = t >> 56;
	u[7] = t >> 48;
	memcpy(u + 8, fixed, sizeof fixed);
	stamp(u, 1);
}

int
uuid_parse(const char *text, uuid_t u)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != sizeof form - 1)
		return -1;
	for (int i = 0, digits = 0; form[i]; i++)
	{
		int			c = text[i] | 0x20;
		int			digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (form[i] == '-' ? text[i] != '-' : digit < 0)
			return -1;
		if (form[i] == 'x')
		{
			u[digits / 2] = digits % 2 ? u[digits / 2] | digit : digit << 4;
			digits++;
		}
	}
	return 0;
}

void
uuid_unparse(const uuid_t u, char *text)
{
	for (int i = 0; i < 16; i++)
		text += sprintf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u[i]);
}

/*
 * Counts how often each branch of the server is taken (eng/profile.sh): what LLVM's own runtime does for programs of other targets. The compiler
 * registers a record for each function at the program's start; a process that ends writes the counters of the functions that it called to
 * pocketgres.counts.PID in the data directory, as "name hash counter...", one function a line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* llvm/ProfileData/InstrProfData.inc, version 10 */
typedef struct
{
	uint64_t	name;			/* of the name's MD5 */
	uint64_t	hash;			/* of the function's branches */
	uint64_t	counters;		/* their address and that of this member in the record: the linker knows no differences of addresses */
	uint64_t	bitmap;
	void	   *function;
	void	   *values;
	uint32_t	count;
	uint16_t	sites[3];
	uint32_t	bitmap_bytes;
} Record;

int			__llvm_profile_runtime;

static Record **records;
static size_t number;
static struct { const char *text; uint64_t length; } *names;
static size_t files;

static uint64_t *
counters(const Record *record)
{
	return (uint64_t *) (record->counters - offsetof(Record, counters));
}

static void
write_counts(void)
{
	char		path[64];
	FILE	   *file;

	snprintf(path, sizeof path, "pocketgres.counts.%d", (int) getpid());
	file = fopen(path, "w");
	if (file == NULL)
		return;
	for (size_t i = 0; i < number; i++)
	{
		const uint64_t *values = counters(records[i]);
		uint64_t	any = 0;

		for (uint32_t k = 0; k < records[i]->count; k++)
			any |= values[k];
		if (any == 0)
			continue;
		fprintf(file, "%016llx %llu", (unsigned long long) records[i]->name, (unsigned long long) records[i]->hash);
		for (uint32_t k = 0; k < records[i]->count; k++)
			fprintf(file, " %llu", (unsigned long long) values[k]);
		fputc('\n', file);
	}
	fclose(file);
	/* More of them where libraries are loaded */
	snprintf(path, sizeof path, "pocketgres.names.%zu", files);
	file = fopen(path, "w");
	for (size_t i = 0; file != NULL && i < files; i++)
		fwrite(names[i].text, 1, names[i].length, file);
	if (file != NULL)
		fclose(file);
}

void
__llvm_profile_register_function(void *record)
{
	if (number == 0)
		atexit(write_counts);
	if (number % 1024 == 0)
		records = realloc(records, (number + 1024) * sizeof *records);
	records[number++] = record;
}

void
__llvm_profile_register_names_function(void *text, uint64_t length)
{
	if (files % 256 == 0)
		names = realloc(names, (files + 256) * sizeof *names);
	names[files].text = text;
	names[files++].length = length;
}

/* A child begins with its parent's counters. */
extern void __real_InitPostmasterChild(void);
extern void __wrap_InitPostmasterChild(void);

void
__wrap_InitPostmasterChild(void)
{
	for (size_t i = 0; i < number; i++)
		memset(counters(records[i]), 0, records[i]->count * sizeof(uint64_t));
	__real_InitPostmasterChild();
}

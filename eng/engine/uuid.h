/* The part of libuuid's interface that contrib/uuid-ossp uses (--with-uuid=e2fs). */
#ifndef POCKETGRES_UUID_H
#define POCKETGRES_UUID_H
typedef unsigned char uuid_t[16];
void uuid_clear(uuid_t u);
void uuid_generate(uuid_t u);
void uuid_generate_random(uuid_t u);
void uuid_generate_time(uuid_t u);
int uuid_parse(const char *text, uuid_t u);
void uuid_unparse(const uuid_t u, char *text);
#endif

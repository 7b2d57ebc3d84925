/*
 * TLS of clients' connections: what PostgreSQL wants of a TLS library (libpq/libpq-be.h), from the host. Here are files, waits, messages and what is in
 * PostgreSQL's memory; certificates, handshakes and records are the host's (Pg/TransportSecurity.cs), which reads and writes the socket itself and never
 * waits. A process has one connection at most, so none is named in the calls.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/libpq.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#define IMPORT(name) __attribute__((import_module("env"), import_name(name)))

#define TLS_FILE_LIMIT (16 * 1024 * 1024)

/* What the host loads: contents of files (PEM) and settings; NULL for what there is not. */
typedef struct TlsConfiguration
{
	const char *certificates;	/* the server's own first */
	const char *key;
	const char *passphrase;
	const char *authorities;	/* who signs clients' certificates */
	const char *revoked;		/* lists of what these have revoked */
	const char *ciphers;		/* of TLS 1.2, names or OpenSSL's words */
	const char *cipher_suites;	/* of TLS 1.3 */
	int			min_version;	/* enum ssl_protocol_versions */
	int			max_version;
} TlsConfiguration;

/* What the host could not load, and why is in TLS_MESSAGE. */
typedef enum TlsLoaded
{
	TLS_LOADED,
	TLS_NO_CERTIFICATE,
	TLS_NO_KEY,
	TLS_NO_PASSPHRASE,
	TLS_OTHER_KEY,
	TLS_NO_AUTHORITIES,
	TLS_NO_REVOKED,
	TLS_NO_CIPHERS,
	TLS_NO_CIPHER_SUITES,
} TlsLoaded;

/* Results below 0 of a transfer or a handshake. */
typedef enum TlsResult
{
	TLS_WANT_READ = -1,			/* nothing can be done until the socket is readable */
	TLS_WANT_WRITE = -2,
	TLS_SOCKET_ERROR = -3,		/* with the errno */
	TLS_END = -4,				/* the client closed the connection in the middle of a handshake */
	TLS_ERROR = -5,				/* TLS_MESSAGE and TLS_DETAIL say why */
	TLS_VERSION_ERROR = -6,		/* likewise; the client may speak no version that the server does */
	TLS_UNTRUSTED = -7,			/* likewise; the handshake is done, but the client's certificate is not to be trusted */
} TlsResult;

/* Texts, in UTF-8. */
typedef enum TlsText
{
	TLS_MESSAGE,
	TLS_DETAIL,
	TLS_VERSION,
	TLS_CIPHER,
	TLS_PROTOCOL,				/* by ALPN */
	TLS_PEER_NAME,				/* the common name in the client's certificate */
	TLS_PEER_DN,				/* its subject as in RFC 2253 */
	TLS_PEER_SUBJECT,			/* and with slashes */
	TLS_PEER_ISSUER,
	TLS_PEER_SERIAL,
} TlsText;

IMPORT("pocket_tls_load") int host_load(const TlsConfiguration *configuration);
IMPORT("pocket_tls_unload") void host_unload(void);
/* Begins; true if there is a configuration. received: what the client has sent and PostgreSQL has read. */
IMPORT("pocket_tls_begin") int host_begin(int socket, const void *received, size_t length);
IMPORT("pocket_tls_handshake") int host_handshake(int *error); /* 0: done */
IMPORT("pocket_tls_requested") int host_requested(void); /* an SSLRequest of this connection was answered before the process got it */
IMPORT("pocket_tls_read") int host_read(void *buffer, size_t size, int *error);
IMPORT("pocket_tls_write") int host_write(const void *data, size_t size, int *error);
IMPORT("pocket_tls_close") void host_close(void);
/* The text's length, or -1 if there is none; as much of it as there is room for, with a 0 behind it. */
IMPORT("pocket_tls_text") int host_text(TlsText which, char *buffer, size_t size);
IMPORT("pocket_tls_cipher_bits") int host_cipher_bits(void);
/* The hash of the server's certificate for tls-server-end-point: its length, or -1 if its algorithm is not known. */
IMPORT("pocket_tls_certificate_hash") int host_certificate_hash(void *buffer, size_t size);

static char *
get_text(TlsText which)
{
	int			length = host_text(which, NULL, 0);
	char	   *text;

	if (length < 0)
		return NULL;
	text = MemoryContextAlloc(TopMemoryContext, length + 1);
	host_text(which, text, length + 1);
	return text;
}

static const char *
get_message(void)
{
	const char *message = get_text(TLS_MESSAGE);

	return message ? message : "unknown error";
}

/* ---- configuration ---- */

static const char *
version_name(int version)
{
	switch (version)
	{
		case PG_TLS1_VERSION: return "TLSv1";
		case PG_TLS1_1_VERSION: return "TLSv1.1";
		case PG_TLS1_2_VERSION: return "TLSv1.2";
		default: return "TLSv1.3";
	}
}

/* A whole file, palloc'd; NULL after a report. */
static char *
read_file(const char *name, const char *kind, int level)
{
	FILE	   *file = AllocateFile(name, PG_BINARY_R);
	StringInfoData content;
	size_t		length = 0;

	initStringInfo(&content);
	while (file != NULL && content.len < TLS_FILE_LIMIT)
	{
		enlargeStringInfo(&content, BLCKSZ);
		length = fread(content.data + content.len, 1, BLCKSZ, file);
		content.len += length;
		if (length < BLCKSZ)
			break;
	}
	if (file == NULL || ferror(file) || content.len >= TLS_FILE_LIMIT)
	{
		if (file != NULL && !ferror(file))
			errno = EFBIG;
		ereport(level,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not load %s file \"%s\": %m", kind, name)));
		if (file != NULL)
			FreeFile(file);
		pfree(content.data);
		return NULL;
	}
	FreeFile(file);
	content.data[content.len] = '\0';
	return content.data;
}

static bool
check_version(const char *setting, int version, int level)
{
	if (version == PG_TLS_ANY || version >= PG_TLS1_2_VERSION)
		return true;
	ereport(level,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("\"%s\" setting \"%s\" not supported by this build", setting, version_name(version)),
			 errhint("Protocols before TLSv1.2 are not offered.")));
	return false;
}

static void
report_load(TlsLoaded result, bool isServerStart, int level)
{
	const char *why = get_message();

	switch (result)
	{
		case TLS_NO_CERTIFICATE:
			ereport(level,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("could not load server certificate file \"%s\": %s", ssl_cert_file, why)));
			break;
		case TLS_NO_PASSPHRASE:
			if (isServerStart)
				ereport(level,
						(errcode(ERRCODE_CONFIG_FILE_ERROR),
						 errmsg("could not load private key file \"%s\": it requires a passphrase", ssl_key_file),
						 errhint("Set \"%s\", or take the passphrase off the key.", "ssl_passphrase_command")));
			else
				ereport(level,
						(errcode(ERRCODE_CONFIG_FILE_ERROR),
						 errmsg("private key file \"%s\" cannot be reloaded because it requires a passphrase", ssl_key_file)));
			break;
		case TLS_OTHER_KEY:
			ereport(level,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("check of private key failed: %s", why),
					 errdetail("\"%s\" is not the key of the first certificate in \"%s\".", ssl_key_file, ssl_cert_file)));
			break;
		case TLS_NO_AUTHORITIES:
			ereport(level,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("could not load root certificate file \"%s\": %s", ssl_ca_file, why)));
			break;
		case TLS_NO_REVOKED:
			ereport(level,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("could not load SSL certificate revocation list file \"%s\": %s", ssl_crl_file, why)));
			break;
		case TLS_NO_CIPHERS:
			ereport(level,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("could not set the TLSv1.2 cipher list: %s", why)));
			break;
		case TLS_NO_CIPHER_SUITES:
			ereport(level,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("could not set the TLSv1.3 cipher suites: %s", why)));
			break;
		default:
			ereport(level,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("could not load private key file \"%s\": %s", ssl_key_file, why)));
			break;
	}
}

int
be_tls_init(bool isServerStart)
{
	int			level = isServerStart ? FATAL : LOG;
	TlsConfiguration c = {0};
	char	   *key = NULL;
	char		passphrase[1024] = "";
	TlsLoaded	result = TLS_NO_KEY;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "TLS files", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	bool		complete;

	complete = check_version("ssl_min_protocol_version", ssl_min_protocol_version, level)
		&& check_version("ssl_max_protocol_version", ssl_max_protocol_version, level);
	if (complete && ssl_max_protocol_version != PG_TLS_ANY && ssl_min_protocol_version > ssl_max_protocol_version)
	{
		ereport(level,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not set SSL protocol version range"),
				 errdetail("\"%s\" cannot be higher than \"%s\"", "ssl_min_protocol_version", "ssl_max_protocol_version")));
		complete = false;
	}
	if (complete && ssl_crl_dir[0])
	{
		ereport(level,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" is not supported by this build", "ssl_crl_dir"),
				 errhint("Put the lists into one file, and name it in \"%s\".", "ssl_crl_file")));
		complete = false;
	}
	complete = complete
		&& (c.certificates = read_file(ssl_cert_file, "server certificate", level)) != NULL
		&& check_ssl_key_file_permissions(ssl_key_file, isServerStart)
		&& (c.key = key = read_file(ssl_key_file, "private key", level)) != NULL
		&& (!ssl_ca_file[0] || (c.authorities = read_file(ssl_ca_file, "root certificate", level)) != NULL)
		&& (!ssl_crl_file[0] || (c.revoked = read_file(ssl_crl_file, "SSL certificate revocation list", level)) != NULL);
	if (complete)
	{
		c.ciphers = SSLCipherList;
		c.cipher_suites = SSLCipherSuites;
		c.min_version = ssl_min_protocol_version;
		c.max_version = ssl_max_protocol_version;
		result = host_load(&c);
		if (result == TLS_NO_PASSPHRASE && ssl_passphrase_command[0] && (isServerStart || ssl_passphrase_command_supports_reload)
			&& run_ssl_passphrase_command("Enter PEM pass phrase:", isServerStart, passphrase, sizeof(passphrase)) > 0)
		{
			c.passphrase = passphrase;
			result = host_load(&c);
			explicit_bzero(passphrase, sizeof(passphrase));
		}
		explicit_bzero(key, strlen(key));
		if (result == TLS_LOADED)
			ssl_loaded_verify_locations = ssl_ca_file[0] != '\0';
		else
			report_load(result, isServerStart, level);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return complete && result == TLS_LOADED ? 0 : -1;
}

void
be_tls_destroy(void)
{
	host_unload();
	ssl_loaded_verify_locations = false;
}

/* ---- connections ---- */

static bool
has_null(char *text, int length, const char *what)
{
	if (strlen(text) == length)
		return false;
	ereport(COMMERROR,
			(errcode(ERRCODE_PROTOCOL_VIOLATION),
			 errmsg("SSL certificate's %s contains embedded null", what)));
	return true;
}

static bool
take_peer(Port *port)
{
	int			length = host_text(TLS_PEER_DN, NULL, 0);

	port->peer_cn = NULL;
	port->peer_dn = NULL;
	port->peer_cert_valid = false;
	if (length < 0)
		return true;
	port->peer = port;			/* that there is one */
	port->peer_dn = get_text(TLS_PEER_DN);
	if (has_null(port->peer_dn, length, "distinguished name"))
		return false;
	length = host_text(TLS_PEER_NAME, NULL, 0);
	if (length >= 0)
	{
		port->peer_cn = get_text(TLS_PEER_NAME);
		if (has_null(port->peer_cn, length, "common name"))
			return false;
	}
	port->peer_cert_valid = true;
	return true;
}

/*
 * Natively an alert says that to the client, but the host's library can send none. An error can; after what the client has to send, or closing the connection
 * with that unread might cost it the message.
 */
static void
refuse_peer(void)
{
	char	   *detail = get_text(TLS_DETAIL);
	size_t		line = strcspn(detail, "\n");

	pq_startmsgread();
	(void) pq_peekbyte();
	pq_endmsgread();
	ereport(FATAL,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("could not accept SSL connection: %s", get_message()),
			 errdetail("%.*s", (int) line, detail),
			 errdetail_log("%s", detail)));
}

static void
report_handshake(TlsResult result, int error)
{
	char	   *detail;

	switch (result)
	{
		case TLS_SOCKET_ERROR:
			errno = error;
			ereport(COMMERROR,
					(errcode_for_socket_access(),
					 errmsg("could not accept SSL connection: %m")));
			break;
		case TLS_END:
			ereport(COMMERROR,
					(errcode(ERRCODE_PROTOCOL_VIOLATION),
					 errmsg("could not accept SSL connection: EOF detected")));
			break;
		default:
			detail = get_text(TLS_DETAIL);
			ereport(COMMERROR,
					(errcode(ERRCODE_PROTOCOL_VIOLATION),
					 errmsg("could not accept SSL connection: %s", get_message()),
					 detail ? errdetail_internal("%s", detail) : 0,
					 result == TLS_VERSION_ERROR ?
					 errhint("This may indicate that the client does not support any SSL protocol version between %s and %s.",
							 version_name(ssl_min_protocol_version ? ssl_min_protocol_version : PG_TLS1_2_VERSION),
							 version_name(ssl_max_protocol_version ? ssl_max_protocol_version : PG_TLS1_3_VERSION)) : 0));
			break;
	}
}

int
be_tls_open_server(Port *port)
{
	int			error = 0;
	int			result;
	char	   *protocol;

	if (!host_begin(port->sock, port->raw_buf ? port->raw_buf + port->raw_buf_consumed : NULL, port->raw_buf_remaining))
	{
		ereport(COMMERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("could not initialize SSL connection: SSL context not set up")));
		return -1;
	}
	port->raw_buf_consumed += port->raw_buf_remaining;
	port->raw_buf_remaining = 0;
	port->ssl = port;			/* that there is one */
	port->ssl_in_use = true;
	while ((result = host_handshake(&error)) == TLS_WANT_READ || result == TLS_WANT_WRITE)
	{
		/* authentication_timeout ends the process here. */
		(void) WaitLatchOrSocket(NULL, (result == TLS_WANT_READ ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE) | WL_EXIT_ON_PM_DEATH,
								 port->sock, 0, WAIT_EVENT_SSL_OPEN_SERVER);
	}
	if (result == TLS_UNTRUSTED)
		refuse_peer();
	if (result < 0)
	{
		report_handshake(result, error);
		return -1;
	}
	/* Who asked by an SSLRequest need not name the protocol; PostgreSQL, which has not seen that request, takes such a client for one that did not ask. */
	protocol = get_text(TLS_PROTOCOL);
	port->alpn_used = host_requested() || (protocol != NULL && strcmp(protocol, PG_ALPN_PROTOCOL) == 0);
	return take_peer(port) ? 0 : -1;
}

void
be_tls_close(Port *port)
{
	if (port->ssl)
	{
		host_close();
		port->ssl = NULL;
		port->ssl_in_use = false;
	}
	port->peer = NULL;
	if (port->peer_cn)
		pfree(port->peer_cn);
	port->peer_cn = NULL;
	if (port->peer_dn)
		pfree(port->peer_dn);
	port->peer_dn = NULL;
}

/* Of a transfer: the bytes, or -1 with errno. */
static ssize_t
transferred(int result, int error, int *waitfor)
{
	if (result >= 0)
		return result;
	switch (result)
	{
		case TLS_WANT_READ:
			*waitfor = WL_SOCKET_READABLE;
			errno = EWOULDBLOCK;
			break;
		case TLS_WANT_WRITE:
			*waitfor = WL_SOCKET_WRITEABLE;
			errno = EWOULDBLOCK;
			break;
		case TLS_SOCKET_ERROR:
			errno = error;
			break;
		case TLS_END:
			errno = ECONNRESET;
			break;
		default:
			ereport(COMMERROR,
					(errcode(ERRCODE_PROTOCOL_VIOLATION),
					 errmsg("SSL error: %s", get_message())));
			errno = ECONNRESET;
			break;
	}
	return -1;
}

ssize_t
be_tls_read(Port *port, void *ptr, size_t len, int *waitfor)
{
	int			error = 0;
	int			result = host_read(ptr, len, &error);

	return transferred(result, error, waitfor);
}

ssize_t
be_tls_write(Port *port, const void *ptr, size_t len, int *waitfor)
{
	int			error = 0;
	int			result = host_write(ptr, len, &error);

	return transferred(result, error, waitfor);
}

/* ---- what is known of a connection ---- */

int be_tls_get_cipher_bits(Port *port) { return port->ssl ? host_cipher_bits() : 0; }

const char *
be_tls_get_version(Port *port)
{
	static char version[NAMEDATALEN];

	return port->ssl && host_text(TLS_VERSION, version, sizeof(version)) >= 0 ? version : NULL;
}

const char *
be_tls_get_cipher(Port *port)
{
	static char cipher[NAMEDATALEN];

	return port->ssl && host_text(TLS_CIPHER, cipher, sizeof(cipher)) >= 0 ? cipher : NULL;
}

static void
copy_text(Port *port, TlsText which, char *ptr, size_t len)
{
	char	   *text = port->peer ? get_text(which) : NULL;

	strlcpy(ptr, text ? pg_any_to_server(text, strlen(text), PG_UTF8) : "", len);
}

void be_tls_get_peer_subject_name(Port *port, char *ptr, size_t len) { copy_text(port, TLS_PEER_SUBJECT, ptr, len); }
void be_tls_get_peer_issuer_name(Port *port, char *ptr, size_t len) { copy_text(port, TLS_PEER_ISSUER, ptr, len); }
void be_tls_get_peer_serial(Port *port, char *ptr, size_t len) { copy_text(port, TLS_PEER_SERIAL, ptr, len); }

char *
be_tls_get_certificate_hash(Port *port, size_t *len)
{
	char		hash[64];		/* of SHA-512 */
	int			length = host_certificate_hash(hash, sizeof(hash));
	char	   *copy;

	*len = 0;
	if (length < 0)
		elog(ERROR, "could not determine server certificate signature algorithm");
	copy = palloc(length);
	memcpy(copy, hash, length);
	*len = length;
	return copy;
}

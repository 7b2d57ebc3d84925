using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Libpq;

/// <summary>
/// What libpq's authentication (SCRAM-SHA-256, MD5) takes from src/common: the module has these functions for the server's side only, not
/// exported and with other ideas of memory.
/// </summary>
public static unsafe class FrontendCryptography
{
    private const int Sha256 = 3, Sha256Length = 32; // PG_SHA256, SCRAM_SHA_256_KEY_LEN
    private const int Success = 0, OutOfMemory = -1; // pg_saslprep_rc

    /// <summary><c>pg_saslprep_rc pg_saslprep(const char *input, char **output)</c>: the module's own; its result is moved to the C heap.</summary>
    [HostFunction("pg_saslprep")]
    public static int SaslPrep(byte* m, int input, int output)
    {
        var process = Process.From(m);
        int* result = (int*)(m + (uint)output);
        int code = ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.PgSaslPrep))(m, input, output);
        if (code == Success)
        {
            int prepared = *result;
            *result = GuestHeap.Duplicate(m, Text(m, prepared));
            ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.PFree))(m, prepared);
            code = *result == 0 ? OutOfMemory : Success;
        }

        return code;
    }

    /// <summary><c>int timingsafe_bcmp(const void *, const void *, size_t)</c>: 0 when equal.</summary>
    [HostFunction("timingsafe_bcmp")]
    public static int Compare(byte* m, int a, int b, int count) => CryptographicOperations.FixedTimeEquals(Bytes(m, a, count), Bytes(m, b, count)) ? 0 : 1;

    /// <summary><c>int pg_b64_dec_len(int srclen)</c>.</summary>
    [HostFunction("pg_b64_dec_len")]
    public static int Base64DecodedLength(byte* m, int length) => (length * 3) >> 2;

    /// <summary><c>int pg_b64_decode(const char *src, int len, uint8 *dst, int dstlen)</c>: -1 when it is no base64 or does not fit.</summary>
    [HostFunction("pg_b64_decode")]
    public static int Base64Decode(byte* m, int source, int length, int target, int size)
    {
        var decoded = Bytes(m, target, size);
        if (Base64.DecodeFromUtf8(Bytes(m, source, length), decoded, out _, out int written) == System.Buffers.OperationStatus.Done)
        {
            return written;
        }

        decoded.Clear();
        return -1;
    }

    /// <summary><c>pg_hmac_ctx *pg_hmac_create(pg_cryptohash_type)</c>: for SHA-256; 0 for others.</summary>
    [HostFunction("pg_hmac_create")]
    public static int CreateHmac(byte* m, int type) => type == Sha256 ? GuestHeap.Allocate(m, 1) : 0;

    /// <summary><c>int pg_hmac_init(pg_hmac_ctx *, const uint8 *key, size_t)</c>.</summary>
    [HostFunction("pg_hmac_init")]
    public static int StartHmac(byte* m, int context, int key, int length)
    {
        var contexts = PostgresProcess.Of(Process.From(m)).HmacContexts;
        if (contexts.Remove(context, out var old))
        {
            old.Dispose();
        }

        contexts.Add(context, IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Bytes(m, key, length)));
        return 0;
    }

    /// <summary><c>int pg_hmac_update(pg_hmac_ctx *, const uint8 *data, size_t)</c>.</summary>
    [HostFunction("pg_hmac_update")]
    public static int UpdateHmac(byte* m, int context, int data, int length)
    {
        if (!PostgresProcess.Of(Process.From(m)).HmacContexts.TryGetValue(context, out var hash))
        {
            return -1;
        }

        hash.AppendData(Bytes(m, data, length));
        return 0;
    }

    /// <summary><c>int pg_hmac_final(pg_hmac_ctx *, uint8 *dest, size_t)</c>.</summary>
    [HostFunction("pg_hmac_final")]
    public static int FinishHmac(byte* m, int context, int target, int size) =>
        PostgresProcess.Of(Process.From(m)).HmacContexts.TryGetValue(context, out var hash)
        && hash.TryGetHashAndReset(Bytes(m, target, size), out _) ? 0 : -1;

    /// <summary><c>void pg_hmac_free(pg_hmac_ctx *)</c>.</summary>
    [HostFunction("pg_hmac_free")]
    public static void FreeHmac(byte* m, int context)
    {
        if (context == 0)
        {
            return;
        }

        if (PostgresProcess.Of(Process.From(m)).HmacContexts.Remove(context, out var hash))
        {
            hash.Dispose();
        }

        GuestHeap.Free(m, context);
    }

    /// <summary><c>const char *pg_hmac_error(pg_hmac_ctx *)</c>: nothing here fails but a wrong order of calls.</summary>
    [HostFunction("pg_hmac_error")]
    public static int HmacError(byte* m, int context) => GuestHeap.Duplicate(m, "not initialized");

    /// <summary><c>int scram_SaltedPassword(const char *password, type, int key_length, const uint8 *salt, int, int iterations, uint8 *result, const char **errstr)</c>.</summary>
    [HostFunction("scram_SaltedPassword")]
    public static int SaltedPassword(byte* m, int password, int type, int keyLength, int salt, int saltLength, int iterations, int result, int error)
    {
        Rfc2898DeriveBytes.Pbkdf2(Text(m, password), Bytes(m, salt, saltLength), Bytes(m, result, keyLength), iterations, HashAlgorithmName.SHA256);
        return 0;
    }

    /// <summary><c>int scram_ClientKey(const uint8 *salted_password, type, int key_length, uint8 *result, const char **errstr)</c>.</summary>
    [HostFunction("scram_ClientKey")]
    public static int ClientKey(byte* m, int salted, int type, int keyLength, int result, int error) => Key(m, salted, keyLength, "Client Key"u8, result);

    /// <summary><c>int scram_ServerKey(const uint8 *salted_password, type, int key_length, uint8 *result, const char **errstr)</c>.</summary>
    [HostFunction("scram_ServerKey")]
    public static int ServerKey(byte* m, int salted, int type, int keyLength, int result, int error) => Key(m, salted, keyLength, "Server Key"u8, result);

    /// <summary><c>int scram_H(const uint8 *input, type, int key_length, uint8 *result, const char **errstr)</c>.</summary>
    [HostFunction("scram_H")]
    public static int Hash(byte* m, int input, int type, int keyLength, int result, int error)
    {
        SHA256.HashData(Bytes(m, input, keyLength), Bytes(m, result, keyLength));
        return 0;
    }

    /// <summary><c>char *scram_build_secret(type, int key_length, const uint8 *salt, int, int iterations, const char *password, const char **errstr)</c>.</summary>
    [HostFunction("scram_build_secret")]
    public static int BuildSecret(byte* m, int type, int keyLength, int salt, int saltLength, int iterations, int password, int error)
    {
        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(Text(m, password), Bytes(m, salt, saltLength), iterations, HashAlgorithmName.SHA256, Sha256Length);
        byte[] stored = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        byte[] server = HMACSHA256.HashData(salted, "Server Key"u8);
        return GuestHeap.Duplicate(m, FormattableString.Invariant($"SCRAM-SHA-256${iterations}:")
            + $"{Convert.ToBase64String(Bytes(m, salt, saltLength))}${Convert.ToBase64String(stored)}:{Convert.ToBase64String(server)}");
    }

    /// <summary><c>bool pg_md5_encrypt(const char *passwd, const uint8 *salt, size_t, char *buf, const char **errstr)</c>: "md5" and 32 hexadecimal digits.</summary>
    [HostFunction("pg_md5_encrypt")]
    public static int Md5Encrypt(byte* m, int password, int salt, int saltLength, int buffer, int error)
    {
        byte[] text = [.. Text(m, password), .. Bytes(m, salt, saltLength)];
#pragma warning disable CA5351 // PostgreSQL's md5 authentication is defined so.
        byte[] digest = MD5.HashData(text);
#pragma warning restore CA5351
        const int size = 36;
        return CString.TryWrite(m, buffer, size, "md5" + Convert.ToHexStringLower(digest)) ? 1 : 0;
    }

    private static int Key(byte* m, int salted, int keyLength, ReadOnlySpan<byte> label, int result)
    {
        HMACSHA256.HashData(Bytes(m, salted, keyLength), label, Bytes(m, result, keyLength));
        return 0;
    }

    private static Span<byte> Bytes(byte* m, int address, int count) => new(m + (uint)address, count);

    private static ReadOnlySpan<byte> Text(byte* m, int address) => MemoryMarshal.CreateReadOnlySpanFromNullTerminated(m + (uint)address);
}

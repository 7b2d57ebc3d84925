using System.Buffers.Binary;

namespace Pocketgres.Engine.Data;

/// <summary>
/// global/pg_control, PostgreSQL 18 (catalog/pg_control.h, struct ControlFileData): what a server must have in common with a data directory,
/// and the state it was left in. The same layout on every platform with 8-byte alignment of int64, wasm64 and x86-64 among them.
/// </summary>
internal sealed class ControlFile
{
    /// <summary>Path in a data directory.</summary>
    public const string Name = "global/pg_control";

    /// <summary>PG_CONTROL_FILE_SIZE: bytes on disk, zero behind the checksum.</summary>
    public const int FileSize = 8192;

    /// <summary>The version (PG_CONTROL_VERSION) this layout is of.</summary>
    public const int KnownVersion = 1800;

    private const int StateOffset = 16;
    private const int MinimumRecoveryPointOffset = 136;
    private const int MaximumPreparedTransactionsOffset = 192;
    private const int FirstCompatibilityOffset = 204; // maxAlign, then floatFormat .. loblksize, float8ByVal up to 249
    private const int BlockSizeOffset = 216, SegmentSizeOffset = 220, WalSegmentSizeOffset = 228;
    private const int Float8ByValueOffset = 248, ChecksumVersionOffset = 252;
    private const int NonceOffset = 257, NonceLength = 32;
    private const int CrcOffset = 292;

    private readonly byte[] _bytes;

    private ControlFile(byte[] bytes) => _bytes = bytes;

    /// <summary>system_identifier: one number for all copies of one cluster.</summary>
    public ulong SystemIdentifier => BinaryPrimitives.ReadUInt64LittleEndian(_bytes);

    /// <summary>pg_control_version.</summary>
    public int Version => Int32(8);

    /// <summary>catalog_version_no.</summary>
    public int CatalogVersion => Int32(12);

    /// <summary>DBState: how the server left the cluster.</summary>
    public ClusterState State => (ClusterState)Int32(StateOffset);

    /// <summary>minRecoveryPoint: pages may be as new as this place in the log, so that without the log up to it they make no sense; 0 when nothing needs it.</summary>
    public ulong MinimumRecoveryPoint => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(MinimumRecoveryPointOffset));

    /// <summary>max_prepared_xacts: what max_prepared_transactions was when the server last ran, wherever it had it from.</summary>
    public int MaximumPreparedTransactions => Int32(MaximumPreparedTransactionsOffset);

    /// <summary>Bytes of a page.</summary>
    public int BlockSize => Int32(BlockSizeOffset);

    /// <summary>Pages of a full segment file of a relation.</summary>
    public int SegmentSize => Int32(SegmentSizeOffset);

    /// <summary>Bytes of a WAL segment.</summary>
    public int WalSegmentSize => Int32(WalSegmentSizeOffset);

    /// <summary>True for clusters of 64-bit servers.</summary>
    public bool Float8ByValue => _bytes[Float8ByValueOffset] != 0;

    /// <summary>Whether pages have checksums.</summary>
    public bool HasChecksums => Int32(ChecksumVersionOffset) != 0;

    /// <summary>Whether the checksum is right.</summary>
    public bool IsIntact => Int32(CrcOffset) == unchecked((int)Crc32C.Compute(_bytes.AsSpan(0, CrcOffset)));

    /// <summary>The file as it must be written, checksum included.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Takes the bytes of the file over.</summary>
    /// <exception cref="InvalidDataException">They are too few.</exception>
    public static ControlFile Parse(byte[] bytes) => bytes.Length >= CrcOffset + 4
        ? new ControlFile(bytes)
        : throw new InvalidDataException($"{Name} has only {bytes.Length} bytes");

    /// <summary>
    /// Whether one server can run both: the versions of control file and catalogue, alignment, the format of numbers, and all sizes that are
    /// compiled in. The WAL segment's size is not among them: servers take what they find.
    /// </summary>
    public bool IsCompatibleWith(ControlFile other)
    {
        const int End = Float8ByValueOffset + 1;
        Span<byte> mine = stackalloc byte[End - FirstCompatibilityOffset], theirs = stackalloc byte[End - FirstCompatibilityOffset];
        _bytes.AsSpan(FirstCompatibilityOffset, mine.Length).CopyTo(mine);
        other._bytes.AsSpan(FirstCompatibilityOffset, mine.Length).CopyTo(theirs);
        mine.Slice(WalSegmentSizeOffset - FirstCompatibilityOffset, 4).Clear();
        theirs.Slice(WalSegmentSizeOffset - FirstCompatibilityOffset, 4).Clear();
        return Version == other.Version && CatalogVersion == other.CatalogVersion && mine.SequenceEqual(theirs);
    }

    /// <summary>Says that the server was running: recovery then looks at the log that follows the last checkpoint.</summary>
    public void SetInProduction()
    {
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(StateOffset), (int)ClusterState.InProduction);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(CrcOffset), Crc32C.Compute(_bytes.AsSpan(0, CrcOffset)));
    }

    /// <summary>Says whether the cluster is a 64-bit server's.</summary>
    public void SetFloat8ByValue(bool value)
    {
        _bytes[Float8ByValueOffset] = value ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(CrcOffset), Crc32C.Compute(_bytes.AsSpan(0, CrcOffset)));
    }

    /// <summary>Gives the cluster another identity, with a new nonce for authentication.</summary>
    public void SetIdentity(ulong identifier)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes, identifier);
        Kernel.HostRandom.Fill(_bytes.AsSpan(NonceOffset, NonceLength));
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(CrcOffset), Crc32C.Compute(_bytes.AsSpan(0, CrcOffset)));
    }

    private int Int32(int offset) => BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan(offset));
}

/// <summary>DBState (catalog/pg_control.h).</summary>
internal enum ClusterState
{
    StartingUp = 0,
    ShutDown = 1,
    ShutDownInRecovery = 2,
    ShuttingDown = 3,
    InCrashRecovery = 4,
    InArchiveRecovery = 5,
    InProduction = 6,
}

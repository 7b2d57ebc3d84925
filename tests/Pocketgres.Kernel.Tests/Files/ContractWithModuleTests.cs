using System.Reflection;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>What PostgreSQL's programs import of files, linked with emscripten's C library for 32-bit addresses: name and signature, result first.</summary>
public class ContractWithModuleTests
{
    private const string Imports = """
        __syscall_faccessat iiiii
        __syscall_chdir ii
        __syscall_chmod iii
        __syscall_fchownat iiiiii
        fd_close ii
        __syscall_dup ii
        __syscall_dup3 iiii
        __syscall_fdatasync ii
        __syscall_openat iiiii
        __syscall_fcntl64 iiii
        __syscall_ioctl iiii
        fd_write iiiii
        fd_read iiiii
        __syscall_fstat64 iii
        __syscall_stat64 iii
        __syscall_newfstatat iiiii
        __syscall_lstat64 iii
        fd_sync ii
        __syscall_ftruncate64 iij
        __syscall_getcwd iii
        fd_fdstat_get iii
        fd_seek iijii
        __syscall_mkdirat iiii
        __syscall_pipe2 iii
        __syscall_fadvise64 iijji
        __syscall_fallocate iiijj
        fd_pread iiiiji
        fd_pwrite iiiiji
        __syscall_getdents64 iiii
        __syscall_readlinkat iiiii
        __syscall_renameat iiiii
        __syscall_rmdir ii
        __syscall_symlinkat iiii
        __syscall_truncate64 iij
        __syscall_umask ii
        __syscall_unlinkat iiii
        __syscall_utimensat iiiii
        __syscall_linkat iiiiii
        __syscall_fchmod iii
        __syscall_fchmodat2 iiiii
        __syscall_fchown32 iiii
        __syscall_statfs64 iiii
        """;

    [Fact]
    public void EveryFileImportIsThereWithItsSignature()
    {
        var calls = typeof(PosixKernel).Assembly.GetTypes()
            .SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static))
            .SelectMany(m => m.GetCustomAttributes<HostFunctionAttribute>().Select(a => (a.Name, Method: m)))
            .ToLookup(x => x.Name, x => x.Method);
        foreach (string line in Imports.Split('\n'))
        {
            var parts = line.Trim().Split(' ');
            var method = Assert.Single(calls[parts[0]]);
            var parameters = method.GetParameters();
            Assert.Equal("Byte*", parameters[0].ParameterType.Name);
            string signature = Letter(method.ReturnType) + string.Concat(parameters.Skip(1).Select(p => Letter(p.ParameterType)));
            Assert.True(parts[1] == signature, $"{parts[0]}: {signature} instead of {parts[1]}");
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 63)] // EPERM
    [InlineData(2, 44)] // ENOENT
    [InlineData(4, 27)] // EINTR
    [InlineData(11, 6)] // EAGAIN
    [InlineData(17, 20)] // EEXIST
    [InlineData(28, 51)] // ENOSPC
    [InlineData(32, 64)] // EPIPE
    [InlineData(39, 55)] // ENOTEMPTY
    [InlineData(40, 32)] // ELOOP
    [InlineData(61, 116)] // ENODATA
    [InlineData(75, 61)] // EOVERFLOW
    [InlineData(84, 25)] // EILSEQ
    [InlineData(95, 138)] // EOPNOTSUPP
    [InlineData(98, 3)] // EADDRINUSE
    [InlineData(104, 15)] // ECONNRESET
    [InlineData(110, 73)] // ETIMEDOUT
    [InlineData(111, 14)] // ECONNREFUSED
    [InlineData(115, 26)] // EINPROGRESS
    [InlineData(122, 19)] // EDQUOT
    [InlineData(125, 11)] // ECANCELED
    [InlineData(133, 155)] // EHWPOISON
    [InlineData(134, 29)] // unknown: EIO, never success
    [InlineData(-5, 29)]
    public void HostErrorsAreTranslated(int host, int module) => Assert.Equal((Errno)module, HostErrno.Map(host));

    [Fact]
    public void NoTwoHostErrorsBecomeOne()
    {
        var all = Enumerable.Range(1, 133).Where(e => e is not (41 or 58)).Select(e => HostErrno.Map(e)).ToList();
        Assert.Equal(all.Count, all.Distinct().Count());
    }

    private static string Letter(Type type) => type == typeof(int) ? "i" : type == typeof(long) ? "j" : type == typeof(void) ? "v" : type.Name;
}

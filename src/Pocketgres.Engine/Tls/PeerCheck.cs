using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Pocketgres.Engine.Tls;

/// <summary>Judges the certificate of the client of one connection. Used by one thread at a time.</summary>
/// <param name="context">Who may have signed it.</param>
internal sealed class PeerCheck(TlsContext context)
{
    /// <summary>The client's certificate, which is trusted, or null.</summary>
    public X509Certificate2? Peer { get; private set; }

    /// <summary>Why it is not to be trusted; null when it is, or there is none.</summary>
    public TlsFailure? Failure { get; private set; }

    /// <summary>For <see cref="TlsContext.Options"/>. Always true, the judgement is in <see cref="Failure"/>: SslStream would end the connection without a word, because it sends no alert on Linux.</summary>
    public bool Validate(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is not X509Certificate2 peer)
        {
            return true;
        }

        var problem = chain is null || errors != SslPolicyErrors.None ? FirstProblem(chain) : context.FindRevoked(chain);
        if (problem is { } found)
        {
            var failed = chain is null || found.Depth >= chain.ChainElements.Count ? peer : chain.ChainElements[found.Depth].Certificate;
            Failure = new TlsFailure("certificate verify failed", TlsMessages.Untrusted(failed, found.Depth, found.Reason));
            return true;
        }

        Peer = peer;
        return true;
    }

    // From the root's side, as OpenSSL verifies.
    private static (int Depth, string Reason) FirstProblem(X509Chain? chain)
    {
        for (int depth = (chain?.ChainElements.Count ?? 0) - 1; depth >= 0; depth--)
        {
            var element = chain!.ChainElements[depth];
            if (element.ChainElementStatus is [var status, ..])
            {
                return (depth, TlsMessages.Reason(element, status, depth));
            }
        }

        return (0, "unable to verify the first certificate");
    }
}

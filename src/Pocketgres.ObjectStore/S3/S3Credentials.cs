using System.Text.Json;

namespace Pocketgres.ObjectStore.S3;

/// <summary>Who asks, and until when that is valid.</summary>
/// <param name="AccessKey">Public part.</param>
/// <param name="SecretKey">Secret part.</param>
/// <param name="SessionToken">Of temporary credentials; null for others.</param>
/// <param name="Expires">When they end; null for never.</param>
internal sealed record S3Credentials(string AccessKey, string SecretKey, string? SessionToken = null, DateTimeOffset? Expires = null)
{
    // Asked again this long before the end.
    private static readonly TimeSpan s_margin = TimeSpan.FromMinutes(5);

    /// <summary>Whether new ones should be asked for.</summary>
    public bool AreEnding => Expires is { } end && DateTimeOffset.UtcNow > end - s_margin;

    /// <summary>
    /// Finds credentials where the AWS tools do: environment, the profile in ~/.aws/credentials, a container's or a machine's role. Not supported are those
    /// that need another service (SSO, web identity, assumed roles, credential_process).
    /// </summary>
    /// <exception cref="ObjectStoreException">There are none.</exception>
    public static async Task<S3Credentials> FindAsync(Func<string, string?> environment, CancellationToken cancellationToken) =>
        FromEnvironment(environment) ?? FromFile(environment) ?? await FromContainerAsync(environment, cancellationToken).ConfigureAwait(false)
        ?? await FromMachineAsync(environment, cancellationToken).ConfigureAwait(false)
        ?? throw new ObjectStoreException(ObjectStoreError.AccessDenied,
            "no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials (AWS_PROFILE)");

    /// <summary>The region as the AWS tools find it; null when nothing says.</summary>
    public static string? FindRegion(Func<string, string?> environment) =>
        environment("AWS_REGION") ?? environment("AWS_DEFAULT_REGION")
        ?? Profile(environment, "AWS_CONFIG_FILE", "config", Name(environment) is "default" and var name ? name : "profile " + Name(environment))
            .GetValueOrDefault("region");

    private static S3Credentials? FromEnvironment(Func<string, string?> environment) =>
        environment("AWS_ACCESS_KEY_ID") is { Length: > 0 } access && environment("AWS_SECRET_ACCESS_KEY") is { Length: > 0 } secret
            ? new S3Credentials(access, secret, environment("AWS_SESSION_TOKEN"))
            : null;

    private static S3Credentials? FromFile(Func<string, string?> environment)
    {
        var profile = Profile(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials", Name(environment));
        return profile.TryGetValue("aws_access_key_id", out string? access) && profile.TryGetValue("aws_secret_access_key", out string? secret)
            ? new S3Credentials(access, secret, profile.GetValueOrDefault("aws_session_token"))
            : null;
    }

    private static string Name(Func<string, string?> environment) => environment("AWS_PROFILE") ?? "default";

    // The files of the AWS tools: [section], then name = value.
    private static Dictionary<string, string> Profile(Func<string, string?> environment, string variable, string file, string section)
    {
        var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string? path = environment(variable) ?? (environment("HOME") is { Length: > 0 } home ? Path.Combine(home, ".aws", file) : null);
        if (path is null || !File.Exists(path))
        {
            return found;
        }

        bool inside = false;
        foreach (string line in File.ReadLines(path))
        {
            string text = line.Trim();
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            if (text.StartsWith('['))
            {
                inside = text.Trim('[', ']', ' ') == section;
            }
            else if (inside && equals > 0 && text[0] is not ('#' or ';'))
            {
                found[text[..equals].Trim()] = text[(equals + 1)..].Trim();
            }
        }

        return found;
    }

    private static async Task<S3Credentials?> FromContainerAsync(Func<string, string?> environment, CancellationToken cancellationToken)
    {
        string? url = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") is { Length: > 0 } relative ? "http://169.254.170.2" + relative
            : environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        if (string.IsNullOrEmpty(url))
        {
            return null;
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        string? token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") is { Length: > 0 } file
            ? (await File.ReadAllTextAsync(file, cancellationToken).ConfigureAwait(false)).Trim()
            : environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        if (!string.IsNullOrEmpty(token))
        {
            request.Headers.TryAddWithoutValidation("Authorization", token);
        }

        return Read(await SendAsync(request, cancellationToken).ConfigureAwait(false));
    }

    private static async Task<S3Credentials?> FromMachineAsync(Func<string, string?> environment, CancellationToken cancellationToken)
    {
        const string Base = "http://169.254.169.254/latest/";
        if (string.Equals(environment("AWS_EC2_METADATA_DISABLED"), "true", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        // A machine that is not Amazon's has nobody at that address.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(1));
        try
        {
            using var ask = new HttpRequestMessage(HttpMethod.Put, Base + "api/token");
            ask.Headers.TryAddWithoutValidation("X-aws-ec2-metadata-token-ttl-seconds", "21600");
            string token = await SendAsync(ask, patience.Token).ConfigureAwait(false);
            string role = (await GetAsync("meta-data/iam/security-credentials/").ConfigureAwait(false)).Split('\n')[0].Trim();
            return Read(await GetAsync("meta-data/iam/security-credentials/" + role).ConfigureAwait(false));

            async Task<string> GetAsync(string path)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, Base + path);
                request.Headers.TryAddWithoutValidation("X-aws-ec2-metadata-token", token);
                return await SendAsync(request, patience.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private static async Task<string> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) });
        using var response = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
    }

    private static S3Credentials Read(string json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        return new S3Credentials(
            root.GetProperty("AccessKeyId").GetString()!, root.GetProperty("SecretAccessKey").GetString()!, root.GetProperty("Token").GetString(),
            root.TryGetProperty("Expiration", out var end) ? end.GetDateTimeOffset() : null);
    }
}

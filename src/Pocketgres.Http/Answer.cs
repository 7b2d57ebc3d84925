using System.Text;
using Microsoft.AspNetCore.Http;

namespace Pocketgres.Http;

/// <summary>Writes answers.</summary>
internal static class Answer
{
    /// <summary>Says something in a line.</summary>
    public static Task SayAsync(HttpContext context, int status, string text) => WriteAsync(context, status, "text/plain; charset=utf-8", text + "\n");

    /// <summary>Writes a whole answer, which nobody is to keep.</summary>
    public static Task WriteAsync(HttpContext context, int status, string contentType, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = bytes.Length;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }
}

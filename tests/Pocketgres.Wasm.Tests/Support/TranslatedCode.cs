using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Pocketgres.Wasm.Tests.Support;

/// <summary>Looks at the code of a translated module.</summary>
internal static class TranslatedCode
{
    /// <summary>The IL of its first function, and the methods outside of the module that it calls, in order.</summary>
    public static (byte[] IL, string[] Calls) First(TranslatedModule module)
    {
        using var file = new PEReader(new MemoryStream(module.Assembly));
        var metadata = file.GetMetadataReader();
        byte[] il = file.GetMethodBody(metadata.GetMethodDefinition(MetadataTokens.MethodDefinitionHandle(1)).RelativeVirtualAddress).GetILBytes()!;
        var calls = new List<string>();
        for (int i = 0; i + 4 < il.Length; i++)
        {
            int token = BitConverter.ToInt32(il, i + 1);
            if (il[i] == (byte)ILOpCode.Call && token >> 24 == (int)TableIndex.MemberRef && (token & 0xffffff) <= metadata.GetTableRowCount(TableIndex.MemberRef))
            {
                calls.Add(metadata.GetString(metadata.GetMemberReference(MetadataTokens.MemberReferenceHandle(token & 0xffffff)).Name));
            }
        }

        return (il, [.. calls]);
    }
}

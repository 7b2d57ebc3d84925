using System.Text;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Listings as stores write them.</summary>
public class ListingTests
{
    const string Amazons = """
        <?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>a/</Prefix><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=&amp;</NextContinuationToken><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>
          <Contents>
            <Key>a/1&lt;2&gt;&quot;&apos;&#x41;&#66;</Key><LastModified>2026-11-26T07:08:09.123Z</LastModified><ETag>&quot;70ee1738b6b21e2c8a43f3a5ab0eee71&quot;</ETag>
            <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Size>434234</Size><Owner><ID>x</ID><DisplayName>y</DisplayName></Owner><StorageClass>STANDARD</StorageClass>
          </Contents>
          <Contents><Size>0</Size><LastModified>2026-11-26T08:00:00+01:00</LastModified><Key>a/2</Key></Contents>
          <CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes>
        </ListBucketResult>

        """;

    [Fact]
    public void A_page_is_read()
    {
        var entries = new List<ObjectEntry> { new("before", 1, default) };
        Assert.Equal("1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=&", Read(Amazons, entries));
        Assert.Equal(
            [
                new("before", 1, default),
                new("a/1<2>\"'AB", 434234, new DateTimeOffset(2026, 11, 26, 7, 8, 9, 123, TimeSpan.Zero)),
                new("a/2", 0, new DateTimeOffset(2026, 11, 26, 7, 0, 0, TimeSpan.Zero)),
            ],
            entries);
    }

    [Fact]
    public void A_key_may_have_characters_that_XML_does_not()
    {
        var entries = new List<ObjectEntry>();
        Read("<ListBucketResult><Contents><Key>a&#x1;b</Key><Size>1</Size><LastModified>2026-11-26T07:08:09Z</LastModified></Contents></ListBucketResult>", entries);
        Assert.Equal("a\u0001b", Assert.Single(entries).Key);
    }

    [Theory]
    [InlineData("<ListBucketResult></ListBucketResult>")]
    [InlineData("<ListBucketResult xmlns='x'><KeyCount>0</KeyCount><NextContinuationToken></NextContinuationToken></ListBucketResult>")]
    [InlineData("<?a b?><!-- c --><ListBucketResult><KeyCount>0</KeyCount><!-- d --><?e f?><MaxKeys>1</MaxKeys></ListBucketResult><!-- g -->")]
    [InlineData("<?xml version=\"1.0\"?>\n<ListBucketResult\n  xmlns=\"x\"><NextContinuationToken/></ListBucketResult>\n")]
    public void An_empty_page_is_the_last_one(string xml)
    {
        var entries = new List<ObjectEntry>();
        Assert.Null(Read(xml, entries));
        Assert.Empty(entries);
    }

    [Fact]
    public void A_page_that_is_cut_off_is_refused()
    {
        string whole = Amazons.TrimEnd();
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.Throws<FormatException>(() => Read(whole[..length], []));
        }
    }

    [Theory]
    [InlineData("<html><body>Welcome to the network</body></html>")]
    [InlineData("<Error><Code>SlowDown</Code></Error>")]
    [InlineData("<ListBucketResult><Contents><Key>a</Key><LastModified>2026-11-26T07:08:09Z</LastModified></Contents></ListBucketResult>")]
    [InlineData("<ListBucketResult><Contents><Size>1</Size><LastModified>2026-11-26T07:08:09Z</LastModified></Contents></ListBucketResult>")]
    [InlineData("<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>")]
    [InlineData("<ListBucketResult><Contents><Key>a</Key><Size>-1</Size><LastModified>2026-11-26T07:08:09Z</LastModified></Contents></ListBucketResult>")]
    [InlineData("<ListBucketResult><Contents><Key>a</Key><Size>9223372036854775808</Size><LastModified>2026-11-26T07:08:09Z</LastModified></Contents></ListBucketResult>")]
    [InlineData("<ListBucketResult><Contents><Key>a<b/></Key><Size>1</Size><LastModified>2026-11-26T07:08:09Z</LastModified></Contents></ListBucketResult>")]
    [InlineData("<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult></ListBucketResult>")]
    [InlineData("<ListBucketResult><Contents><Key>a</Key><Size>1</Size><LastModified>yesterday</LastModified></Contents></ListBucketResult>")]
    [InlineData("<ListBucketResult><Contents><Key>a</Key><Size>1</Size><LastModified>2026-11-26T07:08:09Z</LastModified></ListBucketResult>")]
    public void What_is_no_listing_is_refused(string xml) => Assert.Throws<FormatException>(() => Read(xml, []));

    static string? Read(string xml, List<ObjectEntry> entries) => Listing.Read(Encoding.UTF8.GetBytes(xml), entries);
}

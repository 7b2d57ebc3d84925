using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Tests.Files;

/// <summary>The places of a file's pages, against a list of all of them.</summary>
public class BucketNodeTests
{
    static readonly int[] s_lengths = [0, 1, 40, 255, 256, 257, 3000];

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void Places_are_the_images_until_they_are_changed_or_cut(int seed)
    {
        for (int life = 0; life < 40; life++)
        {
            var random = new Random((seed * 1000) + life);
            var (runs, model) = Image(random, random.GetItems(s_lengths, 1)[0]);
            var image = model.ToList();
            var node = new BucketNode(1, runs);
            Check();
            for (int step = random.Next(12); step > 0; step--)
            {
                int page = random.Next(model.Count + (random.Next(4) == 0 ? 600 : 1));
                switch (random.Next(4))
                {
                    case 0:
                        node.Cut(page);
                        model.RemoveRange(Math.Min(page, model.Count), model.Count - Math.Min(page, model.Count));
                        break;
                    case 1 when page < model.Count:
                        Assert.Equal(model[page], node[page]); // only looked at
                        break;
                    default:
                        var place = new PagePlace { Slot = random.Next(1, 9), Frame = random.Next(2) == 0 ? null : new PageFrame("pack/x", 0, 1, 32, 0), Skip = random.Next(32) };
                        node[page] = place;
                        model.AddRange(Enumerable.Repeat(default(PagePlace), Math.Max(0, page + 1 - model.Count)));
                        model[page] = place;
                        break;
                }

                Check();
            }

            for (int page = 0; page < model.Count; page++)
            {
                Assert.Equal(model[page], node[page]);
            }

            void Check()
            {
                Assert.Equal(model.Count, node.Count);
                Assert.Equal(
                    Enumerable.Range(0, 4000).Where(p => p < Math.Min(model.Count, image.Count) && image[p].Frame is not null && ReferenceEquals(model[p].Frame, image[p].Frame) && model[p].Skip == image[p].Skip),
                    Enumerable.Range(0, 4000).Where(node.IsAsInImage));

                // What nobody has looked at, and what somebody has, is all of it, without looking at any of it.
                var seen = new PagePlace[model.Count];
                for (int page = 0; page < node.Count; page++)
                {
                    int next = node.NextTouched(page);
                    foreach (var run in next > page ? node.UntouchedFrom(page) : [])
                    {
                        Assert.InRange(run.Page, page, next - run.Count);
                        for (int i = 0; i < run.Count; i++)
                        {
                            seen[run.Page + i] = new PagePlace { Frame = run.Frame, Skip = run.Skip + i };
                        }
                    }

                    page = next;
                    if (page < node.Count)
                    {
                        seen[page] = node[page];
                    }
                }

                Assert.Equal(model, seen);
                Assert.True(node.UntouchedRuns is null || (model.Count == image.Count && node.NextTouched(0) >= node.Count));
            }
        }
    }

    [Fact]
    public void Looking_at_a_page_makes_places_for_its_neighbours_only()
    {
        var frame = new PageFrame("pack/x", 0, 1, 32, 0);
        var node = new BucketNode(1, [.. Enumerable.Range(0, 4096).Select(i => new PageRun(i * 32, 32, frame, 0))]);
        Assert.True(node[70_000].IsAbsent);
        int first = node.NextTouched(0), end = first;
        while (end < node.Count && node.NextTouched(end) == end)
        {
            end++;
        }

        Assert.True(first <= 70_000 && end > 70_000 && end - first <= 1024);
        Assert.Equal(node.Count, node.NextTouched(end));
    }

    static (List<PageRun> Runs, List<PagePlace> Places) Image(Random random, int length)
    {
        var runs = new List<PageRun>();
        var places = new List<PagePlace>();
        while (places.Count < length)
        {
            places.AddRange(Enumerable.Repeat(default(PagePlace), random.Next(3) == 0 ? random.Next(300) : 0)); // zero
            int count = random.Next(1, 33), skip = random.Next(33 - count);
            var frame = new PageFrame($"pack/{runs.Count}", 0, 1, 32, 0);
            runs.Add(new PageRun(places.Count, count, frame, skip));
            places.AddRange(Enumerable.Range(skip, count).Select(s => new PagePlace { Frame = frame, Skip = s }));
        }

        return (runs, places);
    }
}

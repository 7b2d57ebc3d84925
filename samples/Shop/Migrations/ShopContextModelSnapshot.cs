using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace Shop.Migrations;

[DbContext(typeof(ShopContext))]
internal sealed class ShopContextModelSnapshot : ModelSnapshot
{
    protected override void BuildModel(ModelBuilder modelBuilder)
    {
        modelBuilder.HasAnnotation("ProductVersion", "10.0.0").HasAnnotation("Relational:MaxIdentifierLength", 63);
        NpgsqlModelBuilderExtensions.UseIdentityByDefaultColumns(modelBuilder);
        modelBuilder.Entity("Shop.Order", b =>
        {
            b.Property<int>("Id").ValueGeneratedOnAdd().HasColumnType("integer");
            NpgsqlPropertyBuilderExtensions.UseIdentityByDefaultColumn(b.Property<int>("Id"));
            b.Property<string>("Customer").IsRequired().HasMaxLength(200).HasColumnType("character varying(200)");
            b.Property<DateTime>("PlacedAt").HasColumnType("timestamp with time zone");
            b.PrimitiveCollection<List<string>>("Tags").IsRequired().HasColumnType("text[]");
            b.Property<decimal>("Total").HasPrecision(12, 2).HasColumnType("numeric(12,2)");
            b.HasKey("Id");
            b.HasIndex("Customer");
            b.ToTable("Orders");
        });
    }
}

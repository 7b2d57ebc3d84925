using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Shop.Migrations;

[DbContext(typeof(ShopContext))]
[Migration("20260201000000_Tags")]
public sealed class Tags : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder.AddColumn<List<string>>(name: "Tags", table: "Orders", type: "text[]", nullable: false, defaultValue: new List<string>());

    protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.DropColumn(name: "Tags", table: "Orders");
}

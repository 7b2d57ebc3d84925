from django.contrib.postgres.fields import CITextField, HStoreField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import (
    BtreeGinExtension, CITextExtension, CryptoExtension, HStoreExtension, TrigramExtension, UnaccentExtension, CreateExtension,
)
from django.db import migrations, models


class Migration(migrations.Migration):
    # PostGIS is not needed: CreateExtension("postgis")
    # CreateExtension("postgis")
    operations = [
        BtreeGinExtension(),
        CITextExtension(),
        CryptoExtension(),
        HStoreExtension(),
        TrigramExtension(),
        UnaccentExtension(),
        CreateExtension("fuzzystrmatch"),
        migrations.CreateModel(
            name="Article",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("title", CITextField(unique=True)),
                ("meta", HStoreField(default=dict)),
            ],
            options={"indexes": [GinIndex(fields=["id", "meta"], name="article_gin")]},
        ),
    ]

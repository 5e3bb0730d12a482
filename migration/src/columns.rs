//! The few kinds of column that tables are made of, the same on SQLite and PostgreSQL.

use sea_orm_migration::{prelude::*, sea_query::ColumnDef};

/// A UUID that is never null: an identifier or a reference.
pub(crate) fn id(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).uuid().not_null().take()
}

/// A reference that may be absent.
pub(crate) fn maybe_id(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).uuid().take()
}

/// A UTC instant.
pub(crate) fn time(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).timestamp_with_time_zone().not_null().take()
}

/// A UTC instant that may be absent.
pub(crate) fn maybe_time(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).timestamp_with_time_zone().take()
}

/// A short text.
pub(crate) fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().not_null().take()
}

/// A short text that may be absent.
pub(crate) fn maybe_text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().take()
}

/// One word of a closed set, kept as text so that a new word needs no migration.
pub(crate) fn choice(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).string_len(32).not_null().take()
}

/// JSON that queries do not look into.
pub(crate) fn json(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).json_binary().not_null().take()
}

/// JSON that may be absent.
pub(crate) fn maybe_json(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).json_binary().take()
}

/// A 64-bit number.
pub(crate) fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().not_null().take()
}

/// A 64-bit number that may be absent.
pub(crate) fn maybe_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().take()
}

/// A 32-bit number.
pub(crate) fn count(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).integer().not_null().take()
}

/// Yes or no.
pub(crate) fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).boolean().not_null().take()
}

/// Bytes.
pub(crate) fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).binary().not_null().take()
}

/// Bytes that may be absent.
pub(crate) fn maybe_bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).binary().take()
}

/// A fraction that may be absent.
pub(crate) fn maybe_fraction(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).double().take()
}

/// One word of a closed set that may be absent.
pub(crate) fn maybe_choice(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).string_len(32).take()
}

/// A table with a primary key and references that delete with what they refer to.
pub(crate) fn table(
    name: &'static str,
    columns: impl IntoIterator<Item = ColumnDef>,
    key: &[&'static str],
    references: &[(&'static str, &'static str)],
) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(Alias::new(name));
    for mut column in columns {
        table.col(&mut column);
    }
    let mut primary = Index::create();
    for column in key {
        primary.col(Alias::new(*column));
    }
    table.primary_key(&mut primary);
    for (column, target) in references {
        table.foreign_key(
            ForeignKey::create()
                .from(Alias::new(name), Alias::new(*column))
                .to(Alias::new(*target), Alias::new("id"))
                .on_delete(ForeignKeyAction::Cascade),
        );
    }
    table
}

/// An index named after its table and columns.
pub(crate) fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{table}_{}", columns.join("_"))).table(Alias::new(table));
    for column in columns {
        index.col(Alias::new(*column));
    }
    index
}

/// The same, and no two rows share the values.
pub(crate) fn unique(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(table, columns).unique().take()
}

/// An index over those rows only in which `column` is set: most rows cost it nothing.
pub(crate) fn where_set(mut index: IndexCreateStatement, column: &'static str) -> IndexCreateStatement {
    index.and_where(Expr::col(Alias::new(column)).is_not_null()).take()
}

/// An index over those rows only in which `column` is not set.
pub(crate) fn where_unset(mut index: IndexCreateStatement, column: &'static str) -> IndexCreateStatement {
    index.and_where(Expr::col(Alias::new(column)).is_null()).take()
}

/// Adds one column; SQLite takes one at a time.
pub(crate) fn add(table: &'static str, mut column: ColumnDef) -> TableAlterStatement {
    Table::alter().table(Alias::new(table)).add_column(&mut column).take()
}

/// Takes one column away.
pub(crate) fn drop(table: &'static str, column: &'static str) -> TableAlterStatement {
    Table::alter().table(Alias::new(table)).drop_column(Alias::new(column)).take()
}

//! Imports and their files.

use ::entity::{article_import, article_import_file, article_import_file::FileStatus, ids::ImportId};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::{
    kernel::{Error, Reach, Result},
    ports::db::{Db, for_update},
};

/// Keeps an import with its files.
pub(in crate::features::knowledge) async fn insert_import(
    db: &Db<'_>,
    import: &article_import::Model,
    files: &[article_import_file::Model],
) -> Result<()> {
    article_import::Entity::insert(import.clone().into_active_model()).exec_without_returning(db).await?;
    // One a statement: each may be large.
    for file in files {
        article_import_file::Entity::insert(file.clone().into_active_model()).exec_without_returning(db).await?;
    }
    Ok(())
}

pub(in crate::features::knowledge) async fn find_import(
    db: &Db<'_>,
    reach: &Reach,
    id: ImportId,
) -> Result<article_import::Model> {
    let row = article_import::Entity::find_by_id(id).filter(reach.site_rows(article_import::Column::SiteId));
    row.one(db).await?.ok_or_else(|| Error::not_found("import"))
}

/// The files of an import in their order, without their content.
pub(in crate::features::knowledge) async fn import_files(
    db: &Db<'_>,
    id: ImportId,
) -> Result<Vec<article_import_file::Model>> {
    use article_import_file::Column;
    let rows = article_import_file::Entity::find()
        .select_only()
        .columns([Column::ImportId, Column::Ordinal, Column::Name, Column::Status, Column::Articles, Column::Errors])
        .column_as(Expr::value(Option::<Vec<u8>>::None), Column::Content)
        .filter(Column::ImportId.eq(id));
    Ok(rows.order_by_asc(Column::Ordinal).all(db).await?)
}

/// The first file of an import that waits, with its content.
pub(in crate::features::knowledge) async fn next_import_file(
    db: &Db<'_>,
    id: ImportId,
) -> Result<Option<article_import_file::Model>> {
    use article_import_file::Column;
    let waiting = article_import_file::Entity::find()
        .filter(Column::ImportId.eq(id))
        .filter(Column::Status.eq(FileStatus::Waiting));
    Ok(waiting.order_by_asc(Column::Ordinal).one(db).await?)
}

/// Locks a file; false when it does not wait any more.
pub(in crate::features::knowledge) async fn lock_import_file(
    db: &Db<'_>,
    file: &article_import_file::Model,
) -> Result<bool> {
    use article_import_file::Column;
    let waiting = article_import_file::Entity::find()
        .select_only()
        .column(Column::Ordinal)
        .filter(Column::ImportId.eq(file.import_id))
        .filter(Column::Ordinal.eq(file.ordinal))
        .filter(Column::Status.eq(FileStatus::Waiting));
    Ok(for_update(waiting).into_tuple::<i32>().one(db).await?.is_some())
}

/// Notes what came of a file.
pub(in crate::features::knowledge) async fn save_import_file(
    db: &Db<'_>,
    file: article_import_file::Model,
) -> Result<()> {
    let (import, ordinal) = (file.import_id, file.ordinal);
    let values = article_import_file::ActiveModel {
        status: Set(file.status),
        content: Set(file.content),
        articles: Set(file.articles),
        errors: Set(file.errors),
        ..Default::default()
    };
    article_import_file::Entity::update_many()
        .set(values)
        .filter(article_import_file::Column::ImportId.eq(import))
        .filter(article_import_file::Column::Ordinal.eq(ordinal))
        .exec(db)
        .await?;
    Ok(())
}

/// Notes that an import is done; false when it was.
pub(in crate::features::knowledge) async fn finish_import(
    db: &Db<'_>,
    id: ImportId,
    now: DateTime<Utc>,
) -> Result<bool> {
    use article_import::Column;
    let finished = article_import::ActiveModel { finished_at: Set(Some(now)), ..Default::default() };
    let open = Condition::all().add(Column::Id.eq(id)).add(Column::FinishedAt.is_null());
    let done = article_import::Entity::update_many().set(finished).filter(open).exec(db).await?;
    Ok(done.rows_affected == 1)
}

/// Forgets imports that were finished before.
pub(in crate::features::knowledge) async fn forget_imports(db: &Db<'_>, before: DateTime<Utc>) -> Result<()> {
    article_import::Entity::delete_many().filter(article_import::Column::FinishedAt.lt(before)).exec(db).await?;
    Ok(())
}

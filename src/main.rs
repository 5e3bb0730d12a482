//! The `yanit` program: reads the settings and does what the command says.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use ::entity::assistant::Provider;
use clap::{Args, Parser, Subcommand};
use sea_orm::Iterable;
use tracing_subscriber::EnvFilter;
use yanit::{
    app::{App, Overrides},
    config::Config,
    evaluate::{self, Trouble, Wanted},
    features::accounts,
    kernel::{Result, epochs, error::ErrorCode, secret},
    ports::documents,
    schema::Api,
    seed, server,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Yanıt: a self-hosted, AI-first customer-support server.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and do background work (the default).
    Serve,
    /// Do background work only.
    Worker,
    /// Bring the database up to date and stop.
    Migrate,
    /// Say that a backup was put back: whoever follows events is told to fetch again.
    Restored,
    /// Print the schema and stop.
    Schema,
    /// Manage people who may do everything.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Fill an empty database with the demo site and stop.
    Demo,
    /// Fill an empty database for black-box tests and write tokens and ids to FILE as JSON.
    Fixture {
        /// Where to write.
        file: PathBuf,
    },
    /// Measure retrieval and answers on a folder of articles and questions, in a database that is thrown away. Ends with
    /// 1 when something is worse than wanted, with 2 when the folder or an option cannot be used.
    Evaluate(Evaluation),
    /// Ask the running server whether it is ready; for container health checks.
    Health,
    /// Read a PDF from the input and print its text as JSON; the server starts itself so.
    #[command(hide = true)]
    ReadPdf,
}

#[derive(Args)]
struct Evaluation {
    /// The folder with articles.json, questions.json and unanswerable.json.
    folder: PathBuf,
    /// What makes the vectors: built-in, the address of an OpenAI-compatible server, or ollama=ADDRESS; as the settings
    /// say without it.
    #[arg(long)]
    embedder: Option<String>,
    /// The server's name of the embedding model.
    #[arg(long, value_name = "NAME")]
    embedder_model: Option<String>,
    /// Who writes the answers; models are reached as the settings say.
    #[arg(long, default_value = "built-in", value_parser = provider)]
    provider: Provider,
    /// Least recall@3 over all questions with an answer, in percent.
    #[arg(long, value_name = "PCT", value_parser = percent)]
    min_recall3: Option<f64>,
    /// Largest share of the questions without an answer that may get one, in percent.
    #[arg(long, value_name = "PCT", value_parser = percent)]
    max_false: Option<f64>,
}

/// Who writes answers, as it is said on the command line: `built-in`, `openai-compatible`.
fn provider(text: &str) -> Result<Provider, String> {
    serde_json::from_value(text.replace('-', "_").to_uppercase().into()).map_err(|_| {
        let name =
            |provider| serde_json::to_value(provider).ok()?.as_str().map(|name| name.to_lowercase().replace('_', "-"));
        let known: Vec<String> = Provider::iter().filter_map(name).collect();
        format!("one of {}", known.join(", "))
    })
}

fn percent(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number| (0.0..=100.0).contains(number)).ok_or_else(|| "a number from 0 to 100".into())
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Make a person who may do everything; prints a random password once.
    Create {
        /// E-mail address to sign in with.
        #[arg(long)]
        email: String,
        /// Name that others see.
        #[arg(long, default_value = "Administrator")]
        name: String,
    },
    /// Give a person a new random password, printed once, and sign them out everywhere.
    ResetPassword {
        /// E-mail address they sign in with.
        #[arg(long)]
        email: String,
    },
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    if matches!(command, Command::Schema) {
        say(Api::build(&Config::default()).sdl().trim_end());
        return ExitCode::SUCCESS;
    }
    if matches!(command, Command::ReadPdf) {
        say(&documents::read_pdf(std::io::stdin().lock()));
        return ExitCode::SUCCESS;
    }
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) if matches!(command, Command::Evaluate(_)) => {
            return unusable(&format!("A setting cannot be used. {error}"));
        }
        Err(error) => return complain(&format!("A setting cannot be used. {error}")),
    };
    log(&config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("The runtime cannot start: {error}")),
    };
    let ended = runtime.block_on(run(command, config));
    // Whatever still runs was waited for as long as the settings say.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => complain(&format!("{error:?}")),
    }
}

async fn run(command: Command, config: Config) -> Result<ExitCode> {
    match command {
        Command::Serve => serve(config).await,
        Command::Worker => worker(config).await,
        Command::Migrate => {
            App::build(config, Overrides::default()).await?.stop().await;
            say("The database is up to date.");
            Ok(ExitCode::SUCCESS)
        }
        Command::Restored => {
            let app = App::build(config, Overrides::default()).await?;
            epochs::restored(&app.cx()).await?;
            say("Whoever follows events is told to fetch again.");
            app.stop().await;
            Ok(ExitCode::SUCCESS)
        }
        Command::Admin { command: AdminCommand::Create { email, name } } => admin(config, &email, &name).await,
        Command::Admin { command: AdminCommand::ResetPassword { email } } => reset_password(config, &email).await,
        Command::Demo => {
            let app = App::build(config, Overrides::default()).await?;
            let _claim = app.claim()?;
            match seed::demo(&app).await? {
                Some(demo) => say(&made(&demo)),
                None => say("There is a site already; nothing was changed."),
            }
            app.stop().await;
            Ok(ExitCode::SUCCESS)
        }
        Command::Fixture { file } => {
            let app = App::build(config.without_rates(), Overrides::default()).await?;
            let _claim = app.claim()?;
            let fixture = seed::fixture(&app).await?;
            app.stop().await;
            let text = serde_json::to_string_pretty(&fixture)?;
            if let Err(error) = std::fs::write(&file, text) {
                return Ok(complain(&format!("{} cannot be written: {error}", file.display())));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Evaluate(wanted) => Ok(Box::pin(evaluation(config, wanted)).await),
        Command::Health => Ok(health(&config).await),
        Command::Schema | Command::ReadPdf => Ok(ExitCode::SUCCESS),
    }
}

async fn serve(config: Config) -> Result<ExitCode> {
    let listener = match server::listen(config.listen) {
        Ok(listener) => listener,
        Err(error) => {
            return Ok(complain(&format!(
                "Cannot listen on {}: {error}. Another server may be running; set YANIT_LISTEN to another address.",
                config.listen
            )));
        }
    };
    let address = format!("http://{}", config.listen);
    let embedded = !config.is_production();
    let app = App::build(config, Overrides::default()).await?;
    let _claim = app.claim()?;
    // A shared database belongs to its operators; only an embedded one is filled without being asked.
    let demo = if embedded { seed::demo(&app).await? } else { None };
    let site_key = match &demo {
        Some(demo) => Some(demo.site_key.clone()),
        None => seed::demo_key(&app.cx()).await?,
    };
    let has_graphiql = app.ports.config.graphiql;
    app.start_workers();
    app.order_upkeep().await?;
    // What to do next stands at the end, where whoever starts it looks.
    if let Some(demo) = &demo {
        say(&made(demo));
    }
    say(&banner(&address, site_key.as_deref(), has_graphiql));
    let tasks = app.ports.tasks.clone();
    app.ports.tasks.spawn_until_shutdown(async move {
        stop_signal().await;
        tracing::info!("stopping: nothing new is begun, what is under way ends");
        tasks.stop();
    });
    server::serve(listener, app.ports.clone(), app.api.clone()).await;
    Ok(stop(app).await)
}

/// Ends the node in order; a second signal ends it at once.
async fn stop(app: App) -> ExitCode {
    tokio::select! {
        () = app.stop() => ExitCode::SUCCESS,
        () = stop_signal() => complain("Stopped at once: what was under way was cut."),
    }
}

async fn worker(config: Config) -> Result<ExitCode> {
    let app = App::build(config, Overrides::default()).await?;
    let _claim = app.claim()?;
    app.start_workers();
    app.order_upkeep().await?;
    stop_signal().await;
    tracing::info!("stopping: nothing new is begun, what is under way ends");
    Ok(stop(app).await)
}

async fn admin(config: Config, email: &str, name: &str) -> Result<ExitCode> {
    let app = App::build(config, Overrides::default()).await?;
    let password = secret::password();
    let person = accounts::NewPerson::check(email, &password, name)?;
    let user = accounts::create(&app.cx(), person, true).await?;
    say(&format!("{} may now do everything.\nPassword (shown once): {password}", user.email));
    app.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn reset_password(config: Config, email: &str) -> Result<ExitCode> {
    let app = App::build(config, Overrides::default()).await?;
    let code = match accounts::reset_password(&app.cx(), email).await {
        Ok((user, password)) => {
            say(&format!(
                "{} signs in with a new password from now on.\nPassword (shown once): {password}",
                user.email
            ));
            ExitCode::SUCCESS
        }
        Err(error) if error.code == ErrorCode::NotFound => {
            complain(&format!("There is no account for {email}; `yanit admin create` makes one."))
        }
        Err(error) => return Err(error),
    };
    app.stop().await;
    Ok(code)
}

async fn evaluation(config: Config, asked: Evaluation) -> ExitCode {
    let Evaluation { folder, embedder, embedder_model, provider, min_recall3, max_false } = asked;
    let wanted = Wanted { folder, embedder, embedder_model, provider, min_recall3, max_false };
    match Box::pin(evaluate::run(config, &wanted)).await {
        Ok(report) => {
            say(&report.text);
            if report.is_good_enough { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(Trouble::Usage(why)) => unusable(&why),
        Err(Trouble::Failed(error)) => complain(&format!("{error:?}")),
    }
}

async fn health(config: &Config) -> ExitCode {
    let mut address = config.listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    yanit::ports::http::install_tls();
    let answer = match yanit::ports::http::client() {
        Ok(client) => client.get(format!("http://{address}/health/ready")).send().await,
        Err(error) => return complain(&error.to_string()),
    };
    match answer {
        Ok(answer) if answer.status().is_success() => ExitCode::SUCCESS,
        Ok(answer) => complain(&format!("not ready: {}", answer.text().await.unwrap_or_default())),
        Err(_) => complain(&format!("nothing answers at {address}")),
    }
}

/// Ends with Ctrl-C or the signal by which a supervisor stops a program.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn log(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for people: a file or a pipe gets the words alone.
    let lines = lines.with_ansi(std::io::stderr().is_terminal());
    if config.log_json {
        lines.json().init();
    } else {
        lines.init();
    }
}

/// The demo site that was just made.
fn made(demo: &seed::Demo) -> String {
    let (admin, agent) = (&demo.admin, &demo.agent);
    format!(
        "A demo site was made.\n\n  Admin           {}  {}\n  Agent           {}  {}\n  (passwords are shown this \
         once)\n\n  Ask it          {}",
        admin.0, admin.1, agent.0, agent.1, demo.question
    )
}

/// Where things are, and how to get in again.
fn banner(address: &str, site_key: Option<&str>, has_graphiql: bool) -> String {
    let web_socket = address.replacen("http", "ws", 1);
    let mut lines = vec![format!("\nYanıt {} is ready.\n", env!("CARGO_PKG_VERSION"))];
    if let Some(key) = site_key {
        lines.push(format!("  Site key        {key}"));
    }
    if has_graphiql {
        lines.push(format!("  Try it          {address}/demo"));
        lines.push(format!("  GraphiQL        {address}/graphql"));
    }
    lines.push(format!("  GraphQL         {address}/graphql (POST), {web_socket}/graphql/ws (WebSocket)"));
    lines.push(format!("  Health          {address}/health"));
    lines.push("  Lost password?  yanit admin reset-password --email ADDRESS\n".to_owned());
    lines.join("\n")
}

#[expect(clippy::print_stdout, reason = "what the command was asked to print")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "why the command failed")]
fn complain(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}

/// The same for what was given to the command, with the exit code of wrong usage.
fn unusable(text: &str) -> ExitCode {
    complain(text);
    ExitCode::from(2)
}

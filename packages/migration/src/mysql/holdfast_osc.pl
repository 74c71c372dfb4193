# Loaded by pt-online-schema-change (--plugin). It copies and nothing else: Holdfast compares, cuts over and cleans up.
#   DIR/pause   the copy rests, looked for before each chunk
# It ends at once on a signal, when whoever started it is gone, and when a connection is lost: by then the names
# that the tool would clean up may be somebody else's. Each of its connections holds a named lock, so that it can be found.
package pt_online_schema_change_plugin;
use strict;
use warnings FATAL => 'all';
use POSIX ();
use Time::HiRes ();

my $signal = '';

sub say_ { my ($what, %with) = @_; local $| = 1; print "HOLDFAST $what", (map { " $_=$with{$_}" } sort keys %with), "\n"; }

sub new {
   my ($class, %args) = @_;
   my $dir = $ENV{HOLDFAST_OSC_DIR} or die "HOLDFAST_OSC_DIR is not set\n";
   die "this version of pt-online-schema-change is not known: it has no NibbleIterator::_next_boundaries, can_nibble, _prepare_sths or Cxn::connect\n"
      unless NibbleIterator->can('_next_boundaries') && NibbleIterator->can('can_nibble') && NibbleIterator->can('_prepare_sths')
      && Cxn->can('connect');
   my $self = bless { %args, dir => $dir, parent => getppid() }, $class;
   for my $name (qw(TERM INT HUP)) { $SIG{$name} = sub { $signal ||= $name }; }
   $SIG{PIPE} = 'IGNORE';
   my $number = 0;
   for my $cxn ( grep { $_ } @{$self}{qw(cxn aux_cxn)} ) {
      # The tool reads EXPLAIN as a table, which newer MySQL gives to those who say so; others do not know the word.
      eval { local $cxn->dbh->{PrintError} = 0; $cxn->dbh->do("SET SESSION explain_format = 'TRADITIONAL'") };
      my ($got) = $cxn->dbh->selectrow_array('SELECT GET_LOCK(?, 5)', undef, "$ENV{HOLDFAST_OSC_TOKEN} " . $number++);
      $self->stop('taken') unless $got;
   }
   my $next = \&NibbleIterator::_next_boundaries;
   my $can_nibble = \&NibbleIterator::can_nibble;
   my $prepare = \&NibbleIterator::_prepare_sths;
   no warnings 'redefine';
   # A table that has just grown passes for small, and would be copied by one statement.
   *NibbleIterator::can_nibble = sub { $can_nibble->(@_, one_nibble => 0) };
   *NibbleIterator::_prepare_sths = sub { bytes_as_bytes($_[0]); goto &$prepare; };
   *NibbleIterator::_next_boundaries = sub { $self->rest; goto &$next; };
   *Cxn::connect = sub { my $dbh = $_[0]->{dbh}; return $dbh if $dbh && $dbh->ping; $self->stop('connection') };
   # Nobody connects any more, so nobody needs the password.
   unlink "$dir/client.cnf";
   say_('connected');
   return $self;
}

sub after_create_new_table { my ($self, %args) = @_; say_('shadow', name => $args{new_tbl}{tbl}); $self->stop_asked; }
sub after_create_triggers { my ($self) = @_; say_('triggers'); $self->stop_asked; }
sub before_swap_tables { my ($self) = @_; say_('copied'); $self->stop_asked; }

# Keys of bytes are no text: MySQL warns of those that are not, and the tool ends at a warning.
sub bytes_as_bytes {
   my ($iterator) = @_;
   my $type = $iterator->{tbl}->{tbl_struct}->{type_for};
   my $mark = sub { ($type->{lc $_[0]} // '') =~ /binary|blob/i ? '_binary ?' : '?' };
   for my $sql ( grep { /_sql$/ && $iterator->{$_} } keys %$iterator ) {
      $iterator->{$sql} =~ s/(`([^`]+)` (?:[<>]=?|=) )\?/$1 . $mark->($2)/ge;
   }
}

sub rest {
   my ($self) = @_;
   my $looks = 0;
   $self->stop_asked;
   while ( -e "$self->{dir}/pause" ) {
      say_('resting') unless $looks;
      # A connection that was lost stays lost: somebody may have taken over.
      $self->stop('connection') if $looks++ % 25 == 0 && grep { $_ && !$_->dbh->ping } @{$self}{qw(cxn aux_cxn)};
      Time::HiRes::sleep(0.2);
      $self->stop_asked;
   }
   say_('going on') if $looks;
}

sub stop_asked {
   my ($self) = @_;
   return $self->stop("SIG$signal") if $signal;
   return $self->stop('orphan') if getppid() != $self->{parent};
}

sub stop { my ($self, $why) = @_; say_('stopped', why => $why); POSIX::_exit(75); }

1;
